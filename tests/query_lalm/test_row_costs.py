"""A change costs what is new in it: the calls that each kind of change makes, counted by the server."""

import pytest

from tasks.query_lalm import Choices
from tasks.storage.answer_rows import reading, rows_of
from tests.query_lalm.asking import gemini, openai, place_with, serving
from tests.query_lalm.asking_alone import Asks

PATIENCE_S = 120
TWO = ("emotion-v1", "emotion-v2")


@pytest.fixture(scope="module")
def hundred(tmp_path_factory, write_tone):
    """A hundred clips with five draws each, and what the server is asked for each change; each begins where it ended.

    The clips and their names change; the folder of answers stays.
    """
    place = place_with(tmp_path_factory.mktemp("hundred"), write_tone, clips=0)
    for number in range(100):
        place.add(f"clip{number:03}.flac", hz=100 + 5 * number, duration_s=0.3)
    asked, tables = {}, {}
    with serving() as server:

        def ask(change, **settings):
            before = server.requests
            place.ask(gemini(concurrency=16, **{"draws": 5} | settings))
            asked[change], tables[change] = server.requests - before, place.table()

        ask("all")
        ask("nothing")
        for number in range(10):
            place.add(f"new{number}.flac", hz=1000 + 5 * number, duration_s=0.3)
        ask("ten more clips")
        ask("seven draws", draws=7)
        (place.clips / "clip007.flac").rename(place.clips / "renamed.flac")
        ask("a renamed file", draws=7)
        ask("another prompt", prompt="emotion-v2", draws=2)
        ask("back", draws=7)
    return asked, tables


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        ("all", 500),
        ("nothing", 0),
        ("ten more clips", 50),
        ("seven draws", 2 * 110),
        ("a renamed file", 0),
        ("another prompt", 2 * 110),
        ("back", 0),
    ],
)
def test_a_change_asks_for_what_is_new_in_it(hundred, change, calls):
    assert hundred[0][change] == calls


def test_going_back_gives_the_same_table(hundred):
    assert hundred[1]["back"].equals(hundred[1]["a renamed file"])


def test_draws_take_turns_with_two_prompts(one_clip, server):
    one_clip.ask(gemini(draws=5, prompt=TWO))
    prompts = ["emotion-v1", "emotion-v2", "emotion-v1", "emotion-v2", "emotion-v1"]
    assert one_clip.table()["prompt_id"].to_list() == prompts


def test_a_second_prompt_asks_for_its_own_draws_alone(one_clip, server):
    """Draws 1 and 3 of five."""
    one_clip.ask(gemini(draws=5))
    before = one_clip.table()
    assert one_clip.ask(gemini(draws=5, prompt=TWO))["calls"] == 2
    kept = [0, 2, 4]
    assert one_clip.table()[kept].equals(before[kept])


def test_going_back_to_one_prompt_asks_nothing_when_its_draws_were_asked(one_clip, server):
    one_clip.ask(gemini(draws=5))
    one_clip.ask(gemini(draws=5, prompt=TWO))
    assert one_clip.ask(gemini(draws=5))["calls"] == 0


def test_with_two_prompts_the_run_tells_how_much_of_the_disagreement_comes_from_the_wording(workplace, server):
    stats = workplace.ask(gemini(draws=6, prompt=TWO, temperature=1.5))
    share = float(stats["mi_from_wording"].removesuffix("%"))
    assert 0 <= share <= 100
    assert "mi_from_wording" not in workplace.ask(gemini(draws=6, temperature=1.5))


def test_labels_and_distributions_are_different_questions(one_clip, server):
    one_clip.ask(gemini())
    assert one_clip.ask(gemini(answer="label"))["calls"] == 2
    assert one_clip.ask(gemini())["calls"] == 0


def test_a_label_is_a_distribution_without_doubt(one_clip, server):
    one_clip.ask(gemini(answer="label"))
    rows = one_clip.table().select("p_angry", "p_happy", "p_neutral", "p_sad").rows()
    assert [sorted(row) for row in rows] == [[0, 0, 0, 1]] * 2
    assert set(one_clip.table()["prompt_id"]) == {"label-v1"}


def test_declaring_synonyms_asks_nothing_and_reads_what_is_stored_again(one_clip, serve):
    server = serve("synonyms")
    assert one_clip.ask(gemini())["unparsable"] == 2
    stats = one_clip.ask(gemini(synonyms={"anger": "angry", "joyful": "happy", "sadness": "sad"}))
    assert (stats["calls"], stats["answered"], server.requests) == (0, 2, 2)


def test_a_run_that_may_not_ask_marks_what_is_missing_and_needs_no_key(one_clip, server, monkeypatch):
    one_clip.ask(gemini(draws=1))
    monkeypatch.delenv("GEMINI_API_KEY")
    stats = one_clip.ask(gemini(draws=3), choices=Choices(ask=False))
    assert (stats["calls"], server.requests) == (0, 1)
    rows = one_clip.table().select("status", "reason").rows()
    told = "not asked: this run only read the answers that are stored"
    assert rows == [("answered", None), ("failed", told), ("failed", told)]


def test_after_such_a_run_the_next_one_asks_for_what_is_missing(one_clip, server):
    one_clip.ask(gemini(draws=1))
    stats = one_clip.ask(gemini(draws=3), choices=Choices(ask=False))
    assert stats["unfinished"] == "2 draws failed and are asked again"
    assert one_clip.ask(gemini(draws=3))["calls"] == 2


@pytest.mark.parametrize(("retry", "calls"), [({"unparsable"}, 2), ({"refused"}, 1), ({"refused", "unparsable"}, 3)])
def test_retry_asks_exactly_those_again(workplace, serve, retry, calls):
    server = serve("unparsable*2,safety*1")
    workplace.ask(gemini(concurrency=1))
    stats = workplace.ask(gemini(), choices=Choices(retry=frozenset(retry)))
    assert (stats["calls"], server.requests) == (calls, 6 + calls)
    assert stats["answered"] == 3 + calls


def test_retry_keeps_the_old_answer_in_the_store(workplace, serve):
    serve("unparsable*2")
    workplace.ask()
    workplace.ask(choices=Choices(retry=frozenset({"unparsable"})))
    with reading(workplace.answers) as connection:
        rows = list(rows_of(connection, workplace.answers))
    old = [row.content["text"] for row in rows if row.kind == "superseded"]
    assert len(old) == 2
    assert all(text.startswith("The speaker sounds rather upset") for text in old)
    assert sum(row.kind == "answer" for row in rows) == 6


def test_an_answer_that_is_worse_the_second_time_is_the_one_that_counts(one_clip, serve):
    """What was asked again was asked again: the table never mixes two runs' choices."""
    serve("unparsable*1,safety*1")
    one_clip.ask(gemini(draws=1))
    stats = one_clip.ask(gemini(draws=1), choices=Choices(retry=frozenset({"unparsable"})))
    assert (stats["refused"], stats["unparsable"]) == (1, 0)


def test_without_retry_nothing_stored_is_asked_again(workplace, serve):
    serve("unparsable*2,safety*1")
    workplace.ask()
    assert workplace.ask(choices=Choices(retry=frozenset()))["calls"] == 0


def test_two_processes_that_ask_at_once_ask_every_draw_once(workplace, serve):
    server = serve(latency_s=0.05)
    table, teacher = workplace.index(), gemini(draws=8)
    outs = [workplace.root / f"{name}.parquet" for name in ("one", "other")]
    both = [Asks(teacher, table, workplace.clips, workplace.answers, out, server.url).start() for out in outs]
    for process in both:
        process.join(PATIENCE_S)
    assert [process.exitcode for process in both] == [0, 0]
    assert server.requests == 24
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_two_models_are_asked_apart(one_clip, server):
    one_clip.ask(gemini())
    assert one_clip.ask(openai())["calls"] == 2
    assert one_clip.ask(gemini())["calls"] == 0
