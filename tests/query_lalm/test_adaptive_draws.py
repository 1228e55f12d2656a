"""`draws: {min: 2, max: 5}`: further draws where they can still change the fused label, and nowhere else."""

import polars as pl

from tasks.contracts.errors import QuotaError
from tasks.fusion.adaptive import decider
from tasks.query_lalm import Choices
from tasks.storage.draws import as_draws
from tasks.teachers.ceilings import Purse
from tests.query_lalm.adaptive import ADAPTIVE, ask, asked_of_each
from tests.query_lalm.asking import CLASSES, gemini


def test_a_clip_gets_between_min_and_max_draws_and_not_all_the_same(place, server):
    ask(place)
    numbers = set(asked_of_each(place).values())
    assert numbers <= {2, 3, 4, 5}
    assert len(numbers) > 1


def test_the_calls_are_the_rows_and_the_numbers_have_no_gaps(place, server):
    stats = ask(place)
    table = place.table()
    assert stats["calls"] == server.requests == table.height
    for _, of_clip in table.group_by("clip_id"):
        assert of_clip["draw"].to_list() == list(range(of_clip.height))


def test_a_clip_is_asked_once_more_exactly_while_the_rule_leaves_it_open(place, server):
    """Against the rule itself, with the first k draws of what was answered."""
    ask(place)
    table, asked = place.table(), asked_of_each(place)
    decide = decider(place.root / "classifier.parquet", CLASSES, least=2, most=5, stop=0.05)
    for clip_id, draws in asked.items():
        of_clip = table.filter(clip_id=clip_id)
        for k in range(2, draws + 1):
            sha256s = [of_clip["sha256"][0]]
            [is_open] = decide(sha256s, *as_draws(of_clip.filter(pl.col("draw") < k), sha256s, CLASSES))
            assert is_open == (k < draws)


def test_with_equal_min_and_max_all_clips_get_as_many(place, server):
    ask(place, gemini(draws={"min": 3, "max": 3}))
    assert set(asked_of_each(place).values()) == {3}


def test_a_tolerance_that_nothing_passes_leaves_all_at_the_least(place, server):
    ask(place, gemini(draws={"min": 2, "max": 5, "stop": 1.0}))
    assert set(asked_of_each(place).values()) == {2}


def test_a_smaller_tolerance_asks_only_for_more(place, server):
    first = ask(place, gemini(draws={"min": 2, "max": 5, "stop": 0.3}))
    coarse = asked_of_each(place)
    second = ask(place, gemini(draws={"min": 2, "max": 5, "stop": 0.01}))
    fine = asked_of_each(place)
    assert all(fine[clip_id] >= coarse[clip_id] for clip_id in coarse)
    assert first["calls"] + second["calls"] == sum(fine.values())


def test_when_all_answers_are_stored_the_same_table_comes_without_a_call(place, server):
    ask(place)
    first = place.draws.read_bytes()
    assert ask(place)["calls"] == 0
    assert place.draws.read_bytes() == first


def test_more_answers_than_needed_being_stored_changes_nothing(place, server):
    ask(place)
    first = place.table_without_times()
    place.ask(gemini(draws=5), answers=place.root / "elsewhere")
    stats = ask(place, answers=place.root / "elsewhere")
    assert stats["calls"] == 0
    assert place.table_without_times().equals(first)


def test_a_run_that_is_cut_off_and_resumed_comes_to_the_same_table_for_the_same_calls(place, server):
    ask(place, answers=place.root / "undisturbed")
    undisturbed, calls = place.table_without_times(), server.requests
    cut_off = 0
    while asked_within(place, max_cost_usd=0.0033):
        cut_off += 1
    assert cut_off >= 2
    assert place.table_without_times().equals(undisturbed)
    assert server.requests == 2 * calls


def asked_within(place, max_cost_usd: float) -> bool:
    """Whether the money ran out."""
    try:
        ask(place, gemini(draws=ADAPTIVE, concurrency=1), choices=Choices(purse=Purse(max_cost_usd)))
    except QuotaError:
        return True
    return False


def test_another_order_of_clips_gives_every_recording_the_same_draws(place, server):
    ask(place)
    before = dict(place.table().group_by("sha256").len().rows())
    for n, clip in enumerate(sorted(place.clips.glob("*.flac"), reverse=True)):
        clip.rename(place.clips / f"a{n}.flac")
    assert ask(place)["calls"] == 0
    assert dict(place.table().group_by("sha256").len().rows()) == before


def test_adding_a_clip_changes_no_other_clips_draws(place, server):
    ask(place)
    before = place.table_without_times()
    place.add("new.flac", hz=901)
    ask(place)
    assert place.table_without_times().filter(pl.col("clip_id") != "new").equals(before)
