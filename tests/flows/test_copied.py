"""A project that is copied or moved, by whatever means, stays fresh; so it does whatever the clock says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.conftest import Project

Copy = Callable[[Path, Path], object]


def by(*command: str) -> Copy:
    return lambda here, there: subprocess.run([*command, str(here), str(there)], check=True)


def by_tar_without_links(here: Path, there: Path) -> None:
    there.mkdir()
    packed = subprocess.run(["tar", "-chf", "-", "-C", str(here), "."], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-xmf", "-", "-C", str(there)], input=packed, check=True)


COPIES: dict[str, Copy] = {
    "with times and links": by("cp", "-a"),
    "with new times": by("cp", "-r"),
    "with links followed": by("cp", "-rL"),
    "packed without links": by_tar_without_links,
    "moved": by("mv"),
}


def assert_is_fresh(project: Project) -> None:
    """For one who looks, and for one who runs; twice, since what was hashed anew is then known."""
    for _ in range(2):
        assert "stale" not in project.mifuse("status", "small").output
        assert "everything is fresh; nothing to run, no call made." in project.mifuse("run", "small").output


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_of_a_project_is_fresh(how: str, project: Project, tmp_path: Path) -> None:
    COPIES[how](project.folder, tmp_path / "elsewhere")
    assert_is_fresh(Project(tmp_path / "elsewhere"))


def date(project: Project, folder: str, seconds: int) -> None:
    for root, _, names in os.walk(project.folder / folder):
        for name in names:
            if not Path(root, name).is_symlink():
                os.utime(Path(root, name), (seconds, seconds))


@pytest.mark.parametrize("folder", ["target", "cache"])
@pytest.mark.parametrize("year", [1980, 2100])
def test_a_clock_that_was_wrong_makes_nothing_stale(folder: str, year: int, project: Project) -> None:
    date(project, folder, (year - 1970) * 31_557_600)
    assert_is_fresh(project)


@pytest.mark.parametrize("year", [1980, 2100])
def test_a_clip_that_was_changed_is_noticed_whatever_the_clock_said(year: int, project: Project) -> None:
    clip, other = sorted((project.folder / "target").rglob("*.flac"))[:2]
    clip.write_bytes(other.read_bytes())
    os.utime(clip, ((year - 1970) * 31_557_600,) * 2)
    assert "1 clip changed" in project.mifuse("status", "small").output


def test_a_copy_that_lost_a_file_says_which_output_it_was(project: Project, tmp_path: Path) -> None:
    COPIES["with links followed"](project.folder, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "cache" / "small" / "pseudo_labels.parquet").unlink()
    assert "pseudo_labels.parquet was deleted" in Project(tmp_path / "elsewhere").mifuse("status", "small").output


def without_links(project: Project, folder: Path) -> Project:
    """A copy that shows copies, as on a file system without links."""
    COPIES["with links followed"](project.folder, folder)
    return Project(folder)


@pytest.mark.parametrize("how", [shutil.rmtree, lambda folder: os.truncate(folder / "metrics.json", 9)])
def test_a_stored_result_that_is_lost_while_a_copy_is_shown_is_made_again(
    how: Callable[[Path], object], project: Project, tmp_path: Path
) -> None:
    there = without_links(project, tmp_path / "elsewhere")
    how(next((there.cache / "store" / "evaluate_student").iterdir()))
    assert "its result in the store was deleted or edited; what is shown is a copy" in there.mifuse("status").output
    assert there.stages_run(there.mifuse("run", "small")) == ["evaluate_student"]
    assert_is_fresh(there)


def test_no_stage_waits_for_one_that_is_fresh(project: Project, tmp_path: Path) -> None:
    there = without_links(project, tmp_path / "elsewhere")
    shutil.rmtree(there.cache / "store" / "index_clips")
    steps = json.loads(there.mifuse("plan", "small", "--json").output)["steps"]
    assert steps[0]["node"] == "index_clips"
    assert [step["blocked_by"] for step in steps] == [None] * len(steps)
