"""`student:` in `pipelines.yaml`: every kind is known, and what it depends on makes it stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.dag import nodes_of
from flows.settings import PipelineSettings, read_pipelines
from tasks.contracts.errors import SettingsError
from tests.flows.conftest import SETTINGS

ALONE = ["source_only", "shot", "nrc", "aad"]
WITH_LALM = ["dine", "prode"]
ONE = {"classifier": SETTINGS["teachers"]["classifier"]}
MI = {"kind": "mutual_information"}


def write(folder: Path, **changes: Any) -> Path:
    file = folder / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {"calls": SETTINGS | changes}}))
    return file


def read(folder: Path, kind: str, **changes: Any) -> PipelineSettings:
    return read_pipelines(write(folder, student={"kind": kind}, **changes))["calls"]


def training(settings: PipelineSettings, cache: Path) -> Any:
    [node] = [node for node in nodes_of("calls", settings, cache) if node.name == "train_student"]
    return node


@pytest.mark.parametrize("kind", ALONE + WITH_LALM)
def test_every_kind_is_known(tmp_path: Path, kind: str) -> None:
    assert read(tmp_path, kind).student.kind == kind


def test_an_unknown_kind_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    known = "aad, cohort, dine, label_signal, mi_fuse, nrc, prode, shot, source_only"
    with pytest.raises(SettingsError, match=f'student: unknown kind "shott". Did you mean "shot"\\? Known: {known}'):
        read(tmp_path, "shott")


def test_a_setting_of_another_kind_is_told(tmp_path: Path) -> None:
    student = {"kind": "shot", "neighbours": 3, "omega": 1}
    with pytest.raises(SettingsError, match=r"(?s)student\.neighbours: unknown setting.*student\.omega: unknown"):
        read_pipelines(write(tmp_path, student=student))


@pytest.mark.parametrize("given", [None, "logmel"])
def test_what_is_to_be_a_list_is_said_to_be_one(tmp_path: Path, given: Any) -> None:
    student = {"kind": "cohort", "representations": given}
    with pytest.raises(SettingsError, match=r"student\.representations: must be a list, got"):
        read_pipelines(write(tmp_path, student=student))


def test_without_a_student_it_is_mi_fuse(tmp_path: Path) -> None:
    settings = read_pipelines(write(tmp_path))["calls"]
    assert settings.student.kind == "mi_fuse"


@pytest.mark.parametrize("kind", WITH_LALM)
def test_a_method_of_two_teachers_needs_a_paid_one(tmp_path: Path, kind: str) -> None:
    told = f"student.kind: {kind} learns from a teacher beside the classifier, such as a paid one; name one under"
    with pytest.raises(SettingsError, match=told):
        read(tmp_path, kind, teachers=ONE)


@pytest.mark.parametrize("kind", ALONE)
def test_a_method_of_one_teacher_needs_no_paid_one(tmp_path: Path, kind: str) -> None:
    assert read(tmp_path, kind, teachers=ONE).paid == {}


@pytest.mark.parametrize(("kind", "draws"), [(kind, []) for kind in ALONE] + [(k, ["lalm"]) for k in WITH_LALM])
def test_training_depends_on_the_draws_that_it_hears(tmp_path: Path, kind: str, draws: list[str]) -> None:
    reads = training(read(tmp_path, kind), tmp_path).reads
    found = [read.output for read in reads if read.output.startswith("draws/")]
    assert found == [f"draws/{name}.parquet" for name in draws]


@pytest.mark.parametrize("kind", ALONE + WITH_LALM)
def test_training_does_not_depend_on_the_rule_but_by_its_labels(tmp_path: Path, kind: str) -> None:
    nodes = [training(read(tmp_path, kind, fuse=fuse), tmp_path) for fuse in (MI, {"kind": "equal"})]
    assert nodes[0].settings == nodes[1].settings
    assert nodes[0].reads == nodes[1].reads
