"""Adaptive draws where answers or the classifier's draws are missing, and with every kind of teacher."""

import numpy as np
import pytest

from tasks.query_lalm import Choices
from tasks.storage.answer_rows import reading, rows_of
from tests.query_lalm.adaptive import ADAPTIVE, SURE, ask, asked_of_each, write_classifier
from tests.query_lalm.asking import TEACHERS, gemini, place_with


def test_a_clip_that_the_classifier_has_not_seen_is_asked_to_the_last_draw(place, server):
    place.add("new.flac", hz=901)
    ask(place)
    assert asked_of_each(place)["new"] == 5


def test_with_no_table_of_the_classifier_yet_all_clips_are_asked_to_the_last_draw(place, server):
    ask(place, classifier_draws=place.root / "not there.parquet")
    assert set(asked_of_each(place).values()) == {5}


def test_a_clip_with_fewer_than_two_answers_stays_open(tmp_path, write_tone, serve):
    """Both first draws are refused: the disagreement is not known."""
    place = place_with(tmp_path, write_tone, clips=1)
    write_classifier(place, {"clip0": SURE})
    serve("safety*2")
    ask(place, gemini(draws=ADAPTIVE, concurrency=1))
    statuses = place.table()["status"].to_list()
    assert statuses[:2] == ["refused"] * 2
    assert len(statuses) >= 4


def test_refused_draws_count_as_asked(tmp_path, write_tone, serve):
    place = place_with(tmp_path, write_tone, clips=1)
    write_classifier(place, {"clip0": SURE})
    server = serve("safety")
    ask(place)
    assert place.table()["status"].to_list() == ["refused"] * 5
    assert server.requests == 5


def test_a_draw_that_failed_is_asked_again_by_the_next_run_and_none_twice(place, serve):
    broken = serve("500*3")
    ask(place, gemini(draws=ADAPTIVE, attempts=1, concurrency=1))
    well = serve()
    stats = ask(place)
    assert stats["failed"] == 0
    assert broken.answered + well.answered == stored(place)


def stored(place) -> int:
    """Answers, whether the table shows them or not."""
    with reading(place.answers) as connection:
        return sum(row.kind == "answer" for row in rows_of(connection, place.answers))


@pytest.mark.parametrize("kind", TEACHERS)
def test_every_kind_of_teacher_can_be_asked_so(place, server, kind):
    stats = ask(place, TEACHERS[kind](draws=ADAPTIVE))
    assert stats["answered"] == server.requests
    assert 16 <= server.requests <= 40


def test_two_prompts_take_turns_as_with_a_fixed_number(place, server):
    ask(place, gemini(draws=ADAPTIVE, prompt=("emotion-v1", "emotion-v2")))
    table = place.table()
    expected = np.where(table["draw"].to_numpy() % 2 == 0, "emotion-v1", "emotion-v2")
    assert table["prompt_id"].to_list() == expected.tolist()


def test_a_run_that_may_not_ask_shows_what_is_stored_and_decides_by_it(place, server):
    ask(place)
    first = place.draws.read_bytes()
    stats = ask(place, choices=Choices(ask=False))
    assert (stats["calls"], stats["failed"]) == (0, 0)
    assert place.draws.read_bytes() == first
