"""The stage with `student.warm_start`: from an earlier student's weights, in fewer steps, and what it leaves behind."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tasks.maths.threads import one_thread
from tasks.students.base import Checkpoint, Student
from tasks.students.checkpoints import read_checkpoint
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.warm_start import LastStudent

SmallRun = Any  # of conftest.py, which no test can import
GIVEN: dict[str, Any] = {"recipe": "paper", "steps": 30, "batch_size": 8, "learning_rate": 0.01}
COLD = MIFuseSettings.model_validate(GIVEN)
WARM = MIFuseSettings.model_validate(GIVEN | {"warm_start": True})


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def last(small_run: SmallRun, tmp_path: Path) -> LastStudent:
    """The student of another seed."""
    small_run.train(tmp_path / "last", student=COLD.model_copy(update={"seed": 1}))
    return LastStudent(folder=tmp_path / "last" / "student", result="0123456789abcdef", warm_starts=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def started(folder: Path) -> Any:
    return json.loads((folder / "student" / "started.json").read_text())


def test_it_does_fewer_steps_and_says_where_it_started(small_run: SmallRun, tmp_path: Path, last: LastStudent) -> None:
    told = small_run.train(tmp_path, student=WARM, last=last)
    expected = {"started_from": "student 0123456789ab", "warm_starts": 2}
    assert {name: told[name] for name in ("steps", "started_from", "warm_starts")} == {"steps": 6} | expected
    assert started(tmp_path) == expected


def test_each_weight_of_the_last_student_counts(small_run: SmallRun, tmp_path: Path, last: LastStudent) -> None:
    small_run.train(tmp_path / "a", student=WARM, last=last)
    assert last.folder is not None
    shutil.copytree(last.folder, tmp_path / "nudged")
    weights = load_file(last.folder / "model.safetensors")
    weights["to_logits.bias"][0] += 1e-3
    save_file(weights, tmp_path / "nudged" / "model.safetensors")
    small_run.train(tmp_path / "b", student=WARM, last=last.model_copy(update={"folder": tmp_path / "nudged"}))
    one, other = (load_file(tmp_path / name / "student" / "model.safetensors") for name in "ab")
    assert not torch.equal(one["to_logits.bias"], other["to_logits.bias"])


def test_nothing_but_the_weights_of_the_last_student_counts(
    small_run: SmallRun, tmp_path: Path, last: LastStudent
) -> None:
    """Neither its statistics nor the labels and curves that lie beside them."""
    small_run.train(tmp_path / "a", student=WARM, last=last)
    assert last.folder is not None
    (tmp_path / "bare").mkdir()
    shutil.copy(last.folder / "config.json", tmp_path / "bare")
    weights = load_file(last.folder / "model.safetensors")
    save_file(weights | {"mean_LD": weights["mean_LD"] + 1}, tmp_path / "bare" / "model.safetensors")
    small_run.train(tmp_path / "b", student=WARM, last=last.model_copy(update={"folder": tmp_path / "bare"}))
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


def test_a_first_run_makes_the_student_of_a_cold_start(small_run: SmallRun, tmp_path: Path) -> None:
    small_run.train(tmp_path / "cold", student=COLD)
    small_run.train(tmp_path / "first", student=WARM, last=LastStudent())
    first = contents(tmp_path / "first" / "student")
    assert json.loads(first.pop("started.json")) == {"started_from": "classifier", "warm_starts": 0}
    assert first == contents(tmp_path / "cold" / "student")


def test_why_it_started_from_the_classifier_is_told_and_kept(
    small_run: SmallRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = small_run.train(tmp_path, student=WARM, last=LastStudent(result="x", why_not="the last student is torn"))
    sentence = "starts from the classifier, with all 30 steps: the last student is torn"
    assert f"  warning: {sentence}\n" in capsys.readouterr().err
    assert sentence in json.loads((tmp_path / "student" / "warnings.json").read_text())
    assert (told["steps"], told["started_from"]) == (30, "classifier")


def test_a_student_of_a_classifier_with_its_classes_in_another_order_is_not_gone_on_from(
    small_run: SmallRun, reordered_classifier: Path, tmp_path: Path, last: LastStudent
) -> None:
    teacher = small_run.teacher.model_copy(update={"path": reordered_classifier})
    told = small_run.train(tmp_path, student=WARM, classifier=teacher, last=last)
    assert told["started_from"] == "classifier"
    warnings = json.loads((tmp_path / "student" / "warnings.json").read_text())
    assert any("the last student has other classes, or has them in another order" in each for each in warnings)


class CutOffError(Exception):
    """In the place of a signal."""


class CutOff(MIFuseSettings):
    """Dies after its first checkpoint."""

    def going_on(self) -> "CutOff":
        return self.model_copy(update={"steps": 270})

    def train(self, *given: Any, **rest: Any) -> Student:
        def keep_and_die(point: Checkpoint) -> None:
            rest["keep"](point)
            raise CutOffError

        return super().train(*given, **rest | {"keep": keep_and_die})


def test_a_warm_start_that_was_cut_off_ends_in_the_same_bytes(
    small_run: SmallRun, tmp_path: Path, last: LastStudent
) -> None:
    given = GIVEN | {"steps": 1350, "warm_start": True, "learning_rate": 1e-4}
    with pytest.raises(CutOffError):
        small_run.train(tmp_path / "torn", student=CutOff.model_validate(given), last=last)
    point = read_checkpoint(tmp_path / "torn" / "work")
    assert point is not None
    assert point.step == 250
    assert not (tmp_path / "torn" / "student").exists()
    for name in ("torn", "whole"):
        small_run.train(tmp_path / name, student=MIFuseSettings.model_validate(given), last=last)
    assert contents(tmp_path / "torn" / "student") == contents(tmp_path / "whole" / "student")
