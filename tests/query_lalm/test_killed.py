"""A run that is killed loses what was in flight, and nothing else."""

import random
from pathlib import Path

import polars as pl
import pytest

from tasks.storage.answer_rows import reading, rows_of
from tests.query_lalm.asking import TIMES, gemini, place_with, serving
from tests.query_lalm.asking_alone import Asks

CLIPS, DRAWS, KILLS, IN_FLIGHT = 400, 5, 10, 16
PATIENCE_S = 200


def stored(answers: Path) -> int:
    with reading(answers) as connection:
        return sum(row.kind == "answer" for row in rows_of(connection, answers))


def calls_counted(answers: Path) -> int:
    with reading(answers) as connection:
        return sum(row.content["calls"] for row in rows_of(connection, answers, "spent"))


def kill_after(process, server, answered: int) -> None:
    """SIGKILL once the server has answered so many."""
    while server.answered < answered and process.is_alive():
        process.join(0.005)
    assert process.is_alive(), "the run ended before it could be killed"
    process.kill()
    process.join()


@pytest.fixture(scope="module")
def killed(tmp_path_factory, write_tone):
    """2,000 draws, killed ten times and resumed; and the same draws undisturbed."""
    place = place_with(tmp_path_factory.mktemp("killed"), write_tone, clips=0)
    for number in range(CLIPS):
        place.add(f"clip{number:03}.flac", hz=100 + 5 * number, duration_s=0.3)
    table, teacher = place.index(), gemini(draws=DRAWS, concurrency=IN_FLIGHT)
    seed = random.SystemRandom().randrange(10**6)
    print(f"killed at the points that random.Random({seed}) chooses")
    with serving(latency_s=0.03) as server:
        asks = Asks(teacher, table, place.clips, place.answers, place.root / "killed.parquet", server.url)
        lost = []
        for answered in sorted(random.Random(seed).sample(range(20, CLIPS * DRAWS - 20), KILLS)):
            kill_after(asks.start(), server, answered)
            lost.append(server.answered - stored(place.answers))
        last = asks.start()
        last.join(PATIENCE_S)
        assert last.exitcode == 0
        answered = server.answered
    with serving() as quiet:
        place.ask(teacher, answers=place.root / "undisturbed")
        assert quiet.answered == CLIPS * DRAWS
    return {
        "answered": answered,
        "lost": lost,
        "calls_counted": calls_counted(place.answers),
        "stored": stored(place.answers),
        "table": pl.read_parquet(asks.out),
        "undisturbed": place.table(),
    }


@pytest.mark.slow
def test_the_server_answers_no_more_than_the_draws_and_what_was_in_flight_at_the_kills(killed):
    assert CLIPS * DRAWS <= killed["answered"] <= CLIPS * DRAWS + KILLS * IN_FLIGHT


@pytest.mark.slow
def test_at_no_kill_was_more_lost_than_what_was_in_flight(killed):
    """Lost so far, after each kill."""
    for kill, lost in enumerate(killed["lost"], start=1):
        assert 0 <= lost <= kill * IN_FLIGHT


@pytest.mark.slow
def test_the_table_is_that_of_an_undisturbed_run(killed):
    apart = [*TIMES, "cost_usd"]
    assert killed["table"].height == CLIPS * DRAWS
    assert killed["table"].drop(apart).equals(killed["undisturbed"].drop(apart))


@pytest.mark.slow
def test_what_was_spent_is_counted_with_each_answer_whatever_happens(killed):
    assert killed["calls_counted"] == killed["stored"] == CLIPS * DRAWS
