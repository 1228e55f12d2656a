"""Label signals from end to end: a source classifier with them, draws of it, a student, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tasks.networks.config import read_config
from tasks.networks.label_signal_settings import LabelSignalPooling
from tests.flows.conftest import SETTINGS, Project

SMALL: dict[str, Any] = {"size": 8, "heads": 2}
GUIDED: dict[str, Any] = {"kind": "label_signal"} | SMALL


def said(project: Project, *words: str) -> str:
    result = project.mifuse(*words)
    assert result.exit_code == 0, result.output
    return result.output


def pooling_of(folder: Path) -> Any:
    return read_config(folder).pooling


def test_a_classifier_and_a_student_with_label_signals_go_all_the_way(project: Project) -> None:
    """A student of its own size, then one that starts from the classifier's label signals."""
    source = SETTINGS["source"] | {"epochs": 3, "pooling": GUIDED}
    student = {"kind": "label_signal", "steps": 20, "batch_size": 4, "pooling": {"size": 4, "heads": 1}}
    project.change(source=source, student=student)
    said(project, "train-source", "small", "--force")
    assert pooling_of(project.folder / "classifier") == LabelSignalPooling(**SMALL)
    said(project, "run", "small")
    results = project.results
    assert pooling_of(results / "student") == LabelSignalPooling(size=4, heads=1)
    assert (pl.read_parquet(results / "student" / "curves.parquet")["loss_apc"] > 0).all()
    clip = str(next((project.folder / "target").rglob("*.wav")))
    out = project.folder / "said.parquet"
    said(project, "predict", str(results / "student"), clip, "--out", str(out))
    assert pl.read_parquet(out).height == 1

    project.change(student={"kind": "label_signal", "start": "classifier", "steps": 5, "batch_size": 4})
    said(project, "run", "small")
    assert pooling_of(results / "student") == LabelSignalPooling(**SMALL)


def test_a_classifier_without_label_signals_is_no_start_and_that_is_told_before_anybody_is_asked(
    project: Project,
) -> None:
    lalm = SETTINGS["teachers"]["lalm"] | {"draws": 4}
    project.change(
        student={"kind": "label_signal", "start": "classifier"}, teachers=SETTINGS["teachers"] | {"lalm": lalm}
    )
    result = project.mifuse("run", "small")
    assert result.exit_code == 2
    assert "student.start is classifier, but the classifier's head pools by `mean`" in result.output
    assert project.stages_run(result) == []
