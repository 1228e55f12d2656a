"""The tables beside the network in `student/`."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch

from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.students.base import Named, Student
from tasks.students.folder import write_training

NAMED = Named([0, 75], torch.tensor([0, 2]), torch.tensor([[1, 1], [2, 0]], dtype=torch.uint8))


@pytest.fixture
def student(config: ClassifierConfig) -> Student:
    return Student(Head(config), [{"step": 1.0, "loss": 0.5}, {"step": 75.0, "loss": 0.25}], NAMED)


def test_what_the_student_named_is_a_row_per_look_and_clip(tmp_path: Path, student: Student) -> None:
    write_training(tmp_path, student, ["aa", "bb", "cc"], ["angry", "happy", "sad"], [])
    table = pl.read_parquet(tmp_path / "named.parquet")
    assert table.rows() == [(0, "aa", "happy"), (0, "cc", "happy"), (75, "aa", "sad"), (75, "cc", "angry")]
    assert table["label"].dtype == pl.Enum(["angry", "happy", "sad"])


def test_curves_and_warnings_come_back_as_they_were(tmp_path: Path, student: Student) -> None:
    write_training(tmp_path, student, ["aa", "bb", "cc"], ["angry", "happy", "sad"], ["class collapse: ä"])
    assert pl.read_parquet(tmp_path / "curves.parquet").to_dicts() == student.curves
    assert json.loads((tmp_path / "warnings.json").read_text()) == ["class collapse: ä"]


def test_a_trainer_that_did_not_look_leaves_no_table_of_it(tmp_path: Path, student: Student) -> None:
    student.named = None
    write_training(tmp_path, student, ["aa", "bb", "cc"], ["angry", "happy", "sad"], [])
    assert not (tmp_path / "named.parquet").exists()


def test_labels_of_the_trainers_own_are_a_row_per_clip(tmp_path: Path, student: Student) -> None:
    student.labels_NC = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.5, 0.5], [0.125, 0.25, 0.625]])
    write_training(tmp_path, student, ["aa", "bb", "cc"], ["angry", "happy", "sad"], [])
    table = pl.read_parquet(tmp_path / "labels.parquet")
    assert table.columns == ["sha256", "label", "p_angry", "p_happy", "p_sad"]
    assert table.row(0) == ("aa", "angry", 0.75, 0.25, 0.0)
    assert table["label"].to_list() == ["angry", "happy", "sad"]
    assert table["label"].dtype == pl.Enum(["angry", "happy", "sad"])


def test_a_trainer_that_learnt_the_pipelines_labels_leaves_no_others(tmp_path: Path, student: Student) -> None:
    write_training(tmp_path, student, ["aa", "bb", "cc"], ["angry", "happy", "sad"], [])
    assert not (tmp_path / "labels.parquet").exists()
