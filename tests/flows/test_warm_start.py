"""`student.warm_start` in a pipeline: the second night goes on from the first one's student."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from flows.dag import nodes_of
from flows.last_student import last_student
from flows.place import Place, open_place
from flows.settings import read_pipelines
from tests.flows.conftest import SETTINGS, Project

WARM = SETTINGS["student"] | {"warm_start": True}


@pytest.fixture(scope="module")
def second_night(finished_project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A clip more and a warm start, and what the run printed. Not to be changed."""
    project = Project(tmp_path_factory.mktemp("nights") / "project")
    shutil.copytree(finished_project.folder, project.folder, symlinks=True)
    project.change(student=WARM)
    add_a_clip(project)
    result = project.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    return project, result.output


@pytest.fixture
def standing(second_night: tuple[Project, str], tmp_path: Path) -> Project:
    """A copy of that project."""
    shutil.copytree(second_night[0].folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def add_a_clip(project: Project) -> None:
    """A recording of the source: the target does not have it."""
    target, manifest = project.folder / "target", project.folder / "target" / "manifest.csv"
    shutil.copy(sorted((project.folder / "source").rglob("*.flac"))[0], target / "new.flac")
    header, first, *_ = manifest.read_text().splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True)) | {"clip_id": "new", "path": "new.flac"}
    manifest.write_text(manifest.read_text() + ",".join(row.values()) + "\n")


def record_of(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.results / ".records" / "train_student.json").read_text())
    return found


def place_of(project: Project) -> Place:
    return open_place("small", project.folder / "pipelines.yaml", project.cache)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_the_second_night_goes_on_from_the_first_ones_student(
    finished_project: Project, second_night: tuple[Project, str]
) -> None:
    first, (project, told) = record_of(finished_project), second_night
    found = record_of(project)["stats"]
    assert (found["started_from"], found["warm_starts"]) == (f"student {first['fingerprint'][:12]}", 1)
    assert f"started from student {first['fingerprint'][:12]}" in told
    assert (first["stats"]["steps"], found["steps"]) == (30, 6)


def test_it_is_then_fresh(second_night: tuple[Project, str]) -> None:
    """The student that it went on from is no input: else no night would ever be done."""
    assert "everything is fresh" in second_night[0].mifuse("run", "small").output


def test_nothing_is_left_of_what_it_went_on_from(second_night: tuple[Project, str]) -> None:
    assert list((second_night[0].cache / "work").glob("train_student*")) == []


def test_forced_it_goes_on_from_itself(standing: Project) -> None:
    before = record_of(standing)
    result = standing.mifuse("run", "small", "--only", "train_student", "--force", "train_student")
    assert result.exit_code == 0, result.output
    after = record_of(standing)
    assert after["stats"]["started_from"] == f"student {before['fingerprint'][:12]}"
    assert (after["stats"]["warm_starts"], after["fingerprint"]) == (2, before["fingerprint"])


def test_without_the_setting_not_a_bit_of_the_last_student_is_in_it(
    finished_project: Project, standing: Project, tmp_path: Path, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    """It is the student of a pipeline that never went on from one."""
    shutil.copytree(finished_project.folder, tmp_path / "other", symlinks=True)
    never = Project(tmp_path / "other")
    add_a_clip(never)
    standing.change(student=SETTINGS["student"])
    for project in (never, standing):
        result = project.mifuse("run", "small")
        assert result.exit_code == 0, result.output
        assert "train_student" in project.stages_run(result)
    assert contents(standing.results / "student") == contents(never.results / "student")


def test_going_back_to_what_was_warm_started_is_a_hit(standing: Project) -> None:
    before = weights_of(standing.results / "student")
    (standing.folder / "target" / "new.flac").rename(standing.folder / "new.flac")
    manifest = standing.folder / "target" / "manifest.csv"
    whole = manifest.read_text()
    manifest.write_text(whole[: whole.index("new,new.flac")])
    standing.change(student=SETTINGS["student"])
    assert standing.stages_run(standing.mifuse("run", "small")) == []
    (standing.folder / "new.flac").rename(standing.folder / "target" / "new.flac")
    manifest.write_text(whole)
    standing.change(student=WARM)
    assert standing.stages_run(standing.mifuse("run", "small")) == []
    torch.testing.assert_close(weights_of(standing.results / "student"), before, rtol=0, atol=0)


def test_no_warm_start_is_settled_where_none_is_asked_for(finished_project: Project, tmp_path: Path) -> None:
    assert last_student(place_of(finished_project), tmp_path / "work") is None
    assert not (tmp_path / "work").exists()


def test_in_a_first_run_there_is_no_student_and_nothing_to_say(project: Project, tmp_path: Path) -> None:
    project.change(student=WARM)
    shutil.rmtree(project.cache / "small")
    found = last_student(place_of(project), tmp_path / "work")
    assert found is not None
    assert (found.folder, found.why_not) == (None, None)


def test_what_training_goes_on_from_is_settled_when_it_begins(standing: Project, tmp_path: Path) -> None:
    """A run that was cut off finds the same student, whatever is shown by then, and wherever the cache was moved."""
    begun = last_student(place_of(standing), tmp_path / "work")
    assert begun is not None
    assert begun.folder == tmp_path / "work" / "last_student"
    before = weights_of(begun.folder)
    standing.change(student=SETTINGS["student"] | {"seed": 1})
    assert standing.mifuse("run", "small", "--only", "train_student").exit_code == 0
    standing.change(student=WARM)
    (tmp_path / "work").rename(tmp_path / "moved")
    found = last_student(place_of(standing), tmp_path / "moved")
    assert found == begun.model_copy(update={"folder": tmp_path / "moved" / "last_student"})
    assert found.folder is not None
    torch.testing.assert_close(weights_of(found.folder), before, rtol=0, atol=0)


def edit(file: Path, name: str) -> None:
    """One number of the weights."""
    weights = load_file(file)
    weights[name].view(-1)[0] += 0.5
    file.unlink()  # it may be linked to from elsewhere
    save_file(weights, file)


def test_a_student_that_was_edited_is_not_gone_on_from(standing: Project, tmp_path: Path) -> None:
    edit(standing.results / "student" / "model.safetensors", "to_logits.bias")
    found = last_student(place_of(standing), tmp_path / "work")
    assert found is not None
    assert found.folder is None
    assert found.why_not == "the last student is not as training left it (student was edited)"


def test_a_student_of_another_classifier_is_not_gone_on_from(standing: Project, tmp_path: Path) -> None:
    edit(standing.folder / "classifier" / "model.safetensors", "to_logits.bias")
    found = last_student(place_of(standing), tmp_path / "work")
    assert found is not None
    assert (found.folder, found.why_not) == (None, "the last student was trained from another classifier")


@pytest.mark.parametrize(("student", "is_shared"), [(SETTINGS["student"], True), (WARM, False)], ids=["cold", "warm"])
def test_a_result_that_depends_on_history_is_not_shared_between_pipelines(
    tmp_path: Path, student: dict[str, Any], is_shared: bool
) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(yaml.safe_dump({"pipelines": {"a": SETTINGS | {"student": student}}}))
    settings = read_pipelines(file)["a"]
    one, other = (
        next(node for node in nodes_of(name, settings, tmp_path) if node.stage == "train_student") for name in "ab"
    )
    assert (one.settings == other.settings) is is_shared


def test_check_tells_of_a_warm_start_with_an_encoder_in_training(project: Project) -> None:
    project.change(student=WARM | {"trainable": "all"})
    result = project.mifuse("check", "small")
    assert result.exit_code == 2
    assert "student: `warm_start`: with an encoder in training the student starts from the classifier" in result.output
