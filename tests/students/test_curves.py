"""Points of the curves, and the file that they are written to as they come."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch

from tasks.students.curves import CurveFile, point_of

LOGITS_BC = torch.tensor([[3.0, 0, 0], [0, 3.0, 0], [0, 3.0, 0], [0, 0, 3.0]])
TARGET_BC = torch.tensor([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])


def test_a_point_by_hand() -> None:
    parts = {"ce": torch.tensor(2.0), "div": torch.tensor(-0.5)}
    teacher_BC = TARGET_BC[[0, 2, 2, 2]]
    point = point_of(25, torch.tensor(1.5), parts, LOGITS_BC, ["a", "b", "c"], TARGET_BC, teacher_BC)
    high, low = (float(torch.tensor([3.0, 0, 0]).softmax(0)[i]) for i in (0, 1))
    expected = {"step": 25, "loss": 1.5, "loss_ce": 2, "loss_div": -0.5, "agreement": 0.75, "teacher_agreement": 0.75}
    shares = {"share_a": (high + 3 * low) / 4, "share_b": (2 * high + 2 * low) / 4, "share_c": (high + 3 * low) / 4}
    assert point == pytest.approx(expected | shares)


def test_what_nobody_said_is_left_out() -> None:
    point = point_of(1, torch.tensor(1.0), {}, LOGITS_BC, ["a", "b", "c"], None, None)
    assert list(point) == ["step", "loss", "share_a", "share_b", "share_c"]


def test_each_point_is_there_to_read_at_once(tmp_path: Path) -> None:
    file = CurveFile(tmp_path / "work" / "curves.jsonl")
    for step in (1, 25):
        file.add({"step": step, "loss": 0.5})
        assert pl.read_ndjson(tmp_path / "work" / "curves.jsonl")["step"].to_list()[-1] == step


def test_a_run_that_goes_on_begins_with_its_checkpoints_points(tmp_path: Path) -> None:
    """Points after the checkpoint, and the line that a killed run was writing, are made again."""
    path = tmp_path / "curves.jsonl"
    path.write_text('{"step": 1}\n{"step": 25}\n{"st')
    CurveFile(path, [{"step": 1}]).add({"step": 25})
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 25]
