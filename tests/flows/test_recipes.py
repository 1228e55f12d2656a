"""Recipes in `pipelines.yaml`: the rule that goes with one, and what makes its student stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from flows.dag import nodes_of
from flows.settings import PipelineSettings, read_pipelines
from tasks.contracts.errors import SettingsError
from tasks.contracts.stages import Node
from tests.flows.conftest import SETTINGS, Project

UNSAID = {key: value for key, value in SETTINGS.items() if key not in ("fuse", "student")}
PAPER = {"kind": "mi_fuse", "recipe": "paper"}
BEST = {"kind": "mi_fuse", "recipe": "best", "steps": 30}


def read(folder: Path, **settings: Any) -> PipelineSettings:
    file = folder / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {"calls": UNSAID | settings}}))
    return read_pipelines(file)["calls"]


def training(folder: Path, **settings: Any) -> Node:
    return next(node for node in nodes_of("calls", read(folder, **settings), folder) if node.name == "train_student")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"student": {"kind": "mi_fuse"}},
        {"student": BEST},
        {"student": {"kind": "mi_fuse", "steps": 9}},
        {"student": {"kind": "cohort"}},
        {"student": {"kind": "label_signal"}},
    ],
    ids=str,
)
def test_the_generative_rule_goes_with_the_recipe_best_and_its_labels(tmp_path: Path, said: dict[str, Any]) -> None:
    assert read(tmp_path, **said).fuse.kind == "generative"


@pytest.mark.parametrize("student", [PAPER, {"kind": "shot"}, {"kind": "cohort", "labels": "fused"}], ids=str)
def test_mutual_information_goes_with_every_other_student(tmp_path: Path, student: dict[str, Any]) -> None:
    assert read(tmp_path, student=student).fuse.kind == "mutual_information"


@pytest.mark.parametrize("student", [BEST, PAPER], ids=str)
def test_a_rule_that_is_said_is_taken(tmp_path: Path, student: dict[str, Any]) -> None:
    assert read(tmp_path, student=student, fuse={"kind": "equal"}).fuse.kind == "equal"


def test_the_recipe_of_the_defaults_counts_as_said(tmp_path: Path) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"defaults": {"student": PAPER}, "pipelines": {"calls": UNSAID}}))
    assert read_pipelines(file)["calls"].fuse.kind == "mutual_information"


def test_a_student_of_the_recipe_best_depends_on_the_paid_draws_and_on_who_speaks(tmp_path: Path) -> None:
    read = {each.output: each.columns for each in training(tmp_path, student=BEST, fuse={"kind": "equal"}).reads}
    assert read.keys() == {"pseudo_labels.parquet", "draws/lalm.parquet", "clips.parquet"}
    assert read["clips.parquet"] == ("sha256", "speaker", "status")


def test_a_student_of_the_paper_does_not_depend_on_who_speaks(tmp_path: Path) -> None:
    read = {each.output for each in training(tmp_path, student=PAPER).reads}
    assert read == {"pseudo_labels.parquet", "draws/lalm.parquet", "draws/classifier.parquet"}


@pytest.mark.parametrize(("draws", "is_same"), [(4, True), (5, False)])
def test_how_often_the_classifier_is_asked_anew_counts(tmp_path: Path, draws: int, is_same: bool) -> None:
    teachers = SETTINGS["teachers"]
    other = teachers | {"classifier": teachers["classifier"] | {"draws": draws}}
    nodes = [training(tmp_path, student=BEST, teachers=given) for given in (teachers, other)]
    assert (nodes[0].settings == nodes[1].settings) is is_same


def test_labels_by_the_recipe_best_need_two_draws_whatever_the_rule(tmp_path: Path) -> None:
    teachers = SETTINGS["teachers"] | {"lalm": {"kind": "simulated", "draws": 1}}
    told = r"teachers\.lalm\.draws: student\.labels generative \(recipe best\) needs at least 2, got 1"
    with pytest.raises(SettingsError, match=told):
        read(tmp_path, student=BEST, fuse={"kind": "equal"}, teachers=teachers)


def change_column(project: Project, name: str, values: pl.Expr) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    pl.read_csv(manifest).with_columns(values.alias(name)).write_csv(manifest)


@pytest.mark.slow
def test_another_speaker_makes_the_student_stale_and_another_gold_label_does_not(project: Project) -> None:
    project.change(student=BEST)
    assert project.stages_run(project.mifuse("run", "small")) == ["train_student", "evaluate_student"]
    assert (project.results / "student" / "labels.parquet").is_file()
    change_column(project, "label", pl.col("label").shuffle(seed=1))
    assert project.stages_run(project.mifuse("run", "small")) == ["index_clips", "evaluate_student"]
    change_column(project, "speaker", pl.lit("somebody"))
    result = project.mifuse("run", "small")
    assert project.stages_run(result)[:2] == ["index_clips", "train_student"]
    assert "everything is fresh" in project.mifuse("run", "small").output
