"""Teachers whose labels are not the pipeline's classes, from `pipelines.yaml` to a student of these classes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from flows.train_source import train_source
from tasks.contracts.errors import SettingsError
from tests.flows.conftest import SETTINGS, Project
from tests.networks.audio_classifiers import save_audio_classifier

CLASSES: list[str] = SETTINGS["classes"]
SIX = ("angry", "excited", "calm", "happy", "sad", "other")
LABELS = {"excited": "happy", "calm": {"neutral": 0.8, "sad": 0.2}, "other": None}
PLACES = {
    "angry": {"valence": 0.2, "arousal": 0.8},
    "happy": {"valence": 0.9, "arousal": 0.7},
    "neutral": {"valence": 0.5, "arousal": 0.4},
    "sad": {"valence": 0.1, "arousal": 0.2},
}


def classifier(folder: str, **changed: Any) -> dict[str, Any]:
    teachers: dict[str, Any] = SETTINGS["teachers"]
    return teachers | {"classifier": {"kind": "mc_dropout", "path": folder, "draws": 3, **changed}}


def run(project: Project, **settings: Any) -> str:
    project.change(**settings)
    result = project.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    return result.output


def stats(project: Project, node: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.results / ".records" / f"{node}.json").read_text())["stats"]
    return found


def drawn(project: Project) -> pl.DataFrame:
    return pl.read_parquet(project.results / "draws" / "classifier.parquet")


@pytest.mark.timeout(300)
def test_six_labels_or_two_numbers_become_four_classes_and_another_map_costs_no_pass(project: Project) -> None:
    save_audio_classifier(project.folder / "six", "wavlm", SIX, classifier_proj_size=8)
    told = run(project, teachers=classifier("six", labels=LABELS))
    first = drawn(project)
    assert re.search(r"unmapped mass (less than )?\d+ %", told)
    assert stats(project, "mc_dropout.classifier")["computed"] == first.height
    answered = first.filter(pl.col("status") == "answered").select(f"p_{name}" for name in CLASSES).to_numpy()
    np.testing.assert_allclose(answered.sum(axis=1), 1)
    assert first["unmapped"].min() > 0  # type: ignore[operator]
    labels = pl.read_parquet(project.results / "pseudo_labels.parquet")
    means = first.group_by("clip_id").agg(pl.col("unmapped").mean()).sort("clip_id")["unmapped"]
    np.testing.assert_allclose(labels.sort("clip_id")["classifier_unmapped"], means)
    assert re.search(
        r"classifier: (less than )?\d+ % of the mass maps to no class", project.mifuse("inspect", "small").output
    )
    assert re.search(r"\d+ % of the mass maps to no class", (project.results / "report.html").read_text())

    calm_is_sad = LABELS | {"calm": "sad", "other": "neutral"}
    told = run(project, teachers=classifier("six", labels=calm_is_sad))
    assert stats(project, "mc_dropout.classifier")["computed"] == 0
    assert "query_lalm" not in told
    assert drawn(project)["unmapped"].max() == 0
    assert not drawn(project).equals(first)

    save_audio_classifier(project.folder / "numbers", "wavlm", ("arousal", "valence"), problem_type="regression")
    run(project, teachers=classifier("numbers", places=PLACES, spread=0.3))
    student = json.loads((project.results / "student" / "config.json").read_text())
    assert (student["classes"], student["places"]) == (CLASSES, None)


@pytest.mark.timeout(300)
def test_a_student_learns_a_class_that_its_classifier_has_never_met(project: Project) -> None:
    """The source's clips of it are left out, the classifier gives it nothing, the student names it."""
    teachers = classifier("narrow", lacks=["happy"])
    project.change(teachers=teachers, student={"kind": "mi_fuse", "recipe": "best", "steps": 150}, fuse=None)
    trained = project.mifuse("train-source", "small")
    assert trained.exit_code == 0, trained.output
    assert "their label is none of angry, neutral, sad" in trained.output
    run(project, teachers=teachers)
    assert drawn(project)["p_happy"].to_list() == [0.0] * drawn(project).height
    labels = pl.read_parquet(project.results / "pseudo_labels.parquet")
    assert "happy" not in labels["classifier_label"].to_list()
    assert "gives happy nothing in any clip" in (project.results / "report.html").read_text()
    assert "happy" in labels["label"].to_list()
    predicted = pl.read_parquet(project.results / "predictions.parquet")
    assert "happy" in predicted["label"].to_list()
    assert predicted["p_happy"].min() > 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"labels": {"ang": "angri"}}, 'teachers.classifier.labels.ang: "angri" is no class of the pipeline. Did you'),
        ({"labels": {"calm": {"sad": 0}}}, "teachers.classifier.labels.calm.sad: must be greater than 0, got 0"),
        ({"lacks": ["hapy"]}, 'teachers.classifier.lacks: "hapy" is no class of the pipeline. Did you mean "happy"?'),
        ({"lacks": ["sad", "sad"]}, "teachers.classifier.lacks: names a class twice: sad, sad"),
        ({"places": PLACES}, "`places` and `spread` go together"),
        ({"places": PLACES, "spread": 0}, "teachers.classifier.spread: must be greater than 0, got 0"),
        ({"places": PLACES, "spread": 1, "labels": {"a": "sad"}}, "`labels`: with `places` the classes are those"),
        ({"places": {**PLACES, "sad": PLACES["angry"]}, "spread": 1}, "angry and sad are at one place"),
        (
            {"places": {"angry": PLACES["angry"], "joy": PLACES["sad"]}, "spread": 1},
            'teachers.classifier.places: "joy" is no class of the pipeline. Known: angry, happy, neutral, sad.\n'
            "  teachers.classifier.places: happy, neutral, sad has no place.",
        ),
        ({"places": PLACES, "spread": 1, "lacks": ["sad"]}, 'lacks: "sad" has a place, so the teacher knows it'),
    ],
    ids=str,
)
def test_check_tells_what_a_map_cannot_mean(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    project = Project(tmp_path)
    project.change(teachers=classifier("six", **changed))
    result = project.mifuse("check", "small")
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize("changed", [{"labels": {"calm": "sad"}}, {"places": PLACES, "spread": 0.3}], ids=str)
def test_train_source_makes_no_classifier_that_would_need_a_map(tmp_path: Path, changed: dict[str, Any]) -> None:
    Project(tmp_path).change(teachers=classifier("own", **changed))
    told = f"teachers.classifier.{next(iter(changed))}: train-source makes a classifier of the pipeline's own classes"
    with pytest.raises(SettingsError, match=told):
        train_source.fn("small", str(tmp_path / "pipelines.yaml"), str(tmp_path / "cache"))
