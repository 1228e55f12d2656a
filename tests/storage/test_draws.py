"""A table of draws as arrays: draws without an answer are not valid, whatever the row holds."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import DrawsError
from tasks.contracts.tables import draws_schema
from tasks.storage.draws import read_draws
from tasks.storage.tables import write_table

CLASSES = ["angry", "sad"]


def row(sha256: str, draw: int, p_angry: float | None = None, **changed: Any) -> dict[str, Any]:
    known = {} if p_angry is None else {"p_angry": p_angry, "p_sad": 1 - p_angry}
    status = "failed" if p_angry is None else "answered"
    return {"clip_id": f"clip {sha256}", "sha256": sha256, "draw": draw, "status": status} | known | changed


def write(path: Path, *rows: dict[str, Any]) -> Path:
    write_table(path, pl.DataFrame(rows, draws_schema(CLASSES)), draws_schema(CLASSES))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lalm.parquet"


def test_probabilities_come_by_clip_draw_and_class(path: Path) -> None:
    write(path, row("a", 1, 0.75), row("b", 0, 0.5), row("a", 0, 0.25), row("b", 1, 1.0))
    probs_NKC, valid_NK = read_draws(path, ["b", "a"], CLASSES)
    assert probs_NKC.tolist() == [[[0.5, 0.5], [1, 0]], [[0.25, 0.75], [0.75, 0.25]]]
    assert valid_NK.all()


def test_classes_come_in_the_order_asked_for(path: Path) -> None:
    write(path, row("a", 0, 0.25))
    assert read_draws(path, ["a"], ["sad", "angry"])[0].tolist() == [[[0.75, 0.25]]]


@pytest.mark.parametrize("status", ["refused", "unparsable", "failed"])
def test_a_draw_without_an_answer_is_not_valid_and_holds_zeros(status: str, path: Path) -> None:
    write(path, row("a", 0, 0.25), row("a", 1, status=status), row("a", 2, 0.75))
    probs_NKC, valid_NK = read_draws(path, ["a"], CLASSES)
    assert valid_NK.tolist() == [[True, False, True]]
    assert probs_NKC[0, 1].tolist() == [0, 0]


@pytest.mark.parametrize("status", ["refused", "unparsable", "failed"])
def test_probabilities_beside_another_status_do_not_count(status: str, path: Path) -> None:
    write(path, row("a", 0, 0.25), row("a", 1, 0.5, status=status))
    probs_NKC, valid_NK = read_draws(path, ["a"], CLASSES)
    assert (probs_NKC[0, 1].tolist(), valid_NK[0].tolist()) == ([0, 0], [True, False])


def test_a_clip_all_of_whose_draws_failed_is_there_with_none_valid(path: Path) -> None:
    write(path, row("a", 0), row("a", 1), row("b", 0, 0.5), row("b", 1, 0.5))
    assert read_draws(path, ["a", "b"], CLASSES)[1].tolist() == [[False, False], [True, True]]


def test_a_draw_that_has_no_row_is_not_valid(path: Path) -> None:
    write(path, row("a", 0, 0.5), row("b", 0, 0.5), row("b", 1, 0.5))
    assert read_draws(path, ["a", "b"], CLASSES)[1].tolist() == [[True, False], [True, True]]


def test_audio_under_two_clip_ids_is_one_clip(path: Path) -> None:
    write(path, row("a", 0, 0.25), row("a", 1, 0.5), row("a", 0, 0.25, clip_id="x"), row("a", 1, 0.5, clip_id="x"))
    assert read_draws(path, ["a"], CLASSES)[0].tolist() == [[[0.25, 0.75], [0.5, 0.5]]]


def test_clips_that_are_not_asked_for_are_left_out(path: Path) -> None:
    write(path, row("a", 0, 0.25), row("b", 0, 0.5), row("b", 1, 0.5))
    assert read_draws(path, ["a"], CLASSES)[0].shape == (1, 1, 2)


def test_clips_without_any_row_are_refused_with_what_to_do(path: Path) -> None:
    write(path, row("a", 0, 0.25))
    told = r"lalm.parquet: 2 of 3 clips have no draws. `mifuse run` brings the table up to date."
    with pytest.raises(DrawsError, match=told):
        read_draws(path, ["a", "b", "c"], CLASSES)


def test_probabilities_are_double_precision(path: Path) -> None:
    write(path, row("a", 0, 1 / 3))
    probs_NKC, valid_NK = read_draws(path, ["a"], CLASSES)
    assert (probs_NKC.dtype, valid_NK.dtype) == (np.float64, np.bool_)
    assert probs_NKC[0, 0, 0] == 1 / 3
