"""The stage with every other trainer: from files to a student that can be loaded."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tasks.maths.threads import one_thread
from tasks.networks.folder import load_classifier
from tasks.students import StudentSettings
from tasks.students.aad import AaDSettings
from tasks.students.dine import DINESettings
from tasks.students.nrc import NRCSettings
from tasks.students.prode import ProDeSettings
from tasks.students.shot import SHOTSettings
from tasks.students.source_only import SourceOnlySettings

SmallRun = Any  # of conftest.py, which no test can import
SHORT: dict[str, Any] = {"steps": 30, "batch_size": 8}
ALONE: list[StudentSettings] = [SHOTSettings(**SHORT), NRCSettings(**SHORT), AaDSettings(**SHORT)]
WITH_LALM: list[StudentSettings] = [DINESettings(**SHORT), ProDeSettings(**SHORT)]


def each(students: list[StudentSettings]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("student", students, ids=lambda student: student.kind)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@each(ALONE + WITH_LALM)
def test_a_student_comes_out_with_its_curves(small_run: SmallRun, tmp_path: Path, student: StudentSettings) -> None:
    told = small_run.train(tmp_path, student=student)
    learnt, config = load_classifier(tmp_path / "student")
    classifier, classifiers_config = load_classifier(small_run.teacher.path)
    curves = pl.read_parquet(tmp_path / "student" / "curves.parquet")
    assert config == classifiers_config
    assert not torch.equal(learnt.to_hidden.weight, classifier.to_hidden.weight)
    assert curves["step"].to_list() == [1, 25, 30]
    assert (told["clips"], told["steps"], told["loss"]) == (16, 30, round(curves["loss"][-1], 4))


def test_source_only_writes_the_classifiers_own_weights(small_run: SmallRun, tmp_path: Path) -> None:
    told = small_run.train(tmp_path, student=SourceOnlySettings())
    assert told["steps"] == 0
    weights = "model.safetensors"
    assert contents(tmp_path / "student")[weights] == contents(small_run.teacher.path)[weights]
    assert pl.read_parquet(tmp_path / "student" / "curves.parquet")["step"].to_list() == [0]


@each([*ALONE, *WITH_LALM, SourceOnlySettings()])
def test_gold_labels_never_influence_the_student(
    small_run: SmallRun, permuted_run: SmallRun, tmp_path: Path, student: StudentSettings
) -> None:
    small_run.train(tmp_path / "a", student=student)
    permuted_run.train(tmp_path / "b", student=student)
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


@pytest.fixture(scope="module")
def permuted_run(
    small_run: SmallRun, make_small_run: Callable[..., SmallRun], tmp_path_factory: pytest.TempPathFactory
) -> SmallRun:
    def permute(folder: Path) -> None:
        manifest = pl.read_csv(folder / "manifest.csv")
        manifest.with_columns(pl.col("label").shuffle(seed=1)).write_csv(folder / "manifest.csv")

    run = make_small_run(tmp_path_factory.mktemp("permuted"), edit=permute)
    assert (pl.read_parquet(run.clips)["gold_label"] != pl.read_parquet(small_run.clips)["gold_label"]).any()
    return run


@each([*ALONE, SourceOnlySettings()])
def test_no_draws_are_read_where_the_method_hears_no_second_teacher(
    small_run: SmallRun, tmp_path: Path, student: StudentSettings
) -> None:
    small_run.train(tmp_path / "a", student=student)
    small_run.train(tmp_path / "b", student=student, draws={})
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


@each(WITH_LALM)
def test_the_paid_teachers_draws_alone_are_read_where_it_does(
    small_run: SmallRun, tmp_path: Path, student: StudentSettings
) -> None:
    small_run.train(tmp_path / "a", student=student)
    draws = small_run.draws | {"classifier": tmp_path / "gone.parquet"}
    small_run.train(tmp_path / "b", student=student, draws=draws)
    assert contents(tmp_path / "a" / "student") == contents(tmp_path / "b" / "student")


@each([*ALONE, *WITH_LALM])
def test_a_classifier_with_its_classes_in_another_order_teaches_the_same(
    small_run: SmallRun, reordered_classifier: Path, tmp_path: Path, student: StudentSettings
) -> None:
    small_run.train(tmp_path / "a", student=student)
    classifier = small_run.teacher.model_copy(update={"path": reordered_classifier})
    small_run.train(tmp_path / "b", student=student, classifier=classifier)
    (first, classes), (other, turned) = (
        (head, config.classes) for head, config in (load_classifier(tmp_path / x / "student") for x in "ab")
    )
    order = [turned.index(name) for name in classes]
    assert turned != classes
    torch.testing.assert_close(other.to_logits.weight[order], first.to_logits.weight, atol=1e-3, rtol=0)
    torch.testing.assert_close(other.to_hidden.weight, first.to_hidden.weight, atol=1e-3, rtol=0)
