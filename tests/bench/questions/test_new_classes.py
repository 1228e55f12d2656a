"""Recall of classes that the source did not have."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.questions.new_classes import METHODS, class_table, known_table, new_class, overall_table, recall
from bench.questions.withheld import source_without
from bench.transfers.kept import Result

GOLD, NAMED = "00112233", "00102200"  # recalls 100, 50, 100, 0 of angry, happy, neutral, sad


@pytest.fixture
def results(make_result: Callable[..., Result]) -> list[Result]:
    """Once without sad, once without happy; every method alike."""
    sources = [source_without(Path("a"), without, "never").name for without in ("sad", "happy")]
    return [
        make_result(GOLD, NAMED, method=method, transfer=f"{source} → b", ua=0.625)
        for source in sources
        for method in METHODS
    ]


@pytest.mark.parametrize(("name", "expected"), [("angry", 100), ("happy", 50), ("sad", 0)])
def test_recall_is_a_share_of_the_class_s_clips(make_result: Callable[..., Result], name: str, expected: int) -> None:
    assert recall(make_result(GOLD, NAMED), name) == expected


def test_recall_of_a_class_without_clips_is_refused(make_result: Callable[..., Result]) -> None:
    with pytest.raises(ValueError, match="a → b: no clip of sad"):
        recall(make_result("001122", "001122"), "sad")


def test_the_transfer_s_name_tells_what_is_left_out(results: list[Result]) -> None:
    assert {new_class(run) for run in results} == {"sad", "happy"}


def test_the_new_class_and_the_known_ones_are_told_apart(results: list[Result]) -> None:
    row = overall_table(results, "t").rows[0]
    assert row[1] == "25.0"  # of 0 for sad and 50 for happy
    assert row[2] == "75.0"  # of 100, 50, 100 and of 100, 100, 0
    assert row[3].startswith("62.5 [")


def test_a_class_that_was_never_left_out_has_no_recall(results: list[Result]) -> None:
    assert class_table(results).rows[0] == ["source", "–", "50.0", "–", "0.0"]


def test_with_all_classes_known_recall_is_that_of_any_class(results: list[Result]) -> None:
    assert known_table(results).rows[0] == ["source", "62.5", "62.5"]
