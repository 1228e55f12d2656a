"""The table of changes for the recipe `best`: a rule that looks at the clips, and a student that asks who speaks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.flows.changes_made import add_clip, copy_clip, in_first, lalm, rename_clip
from tests.flows.changes_table import ALL, ASK, DRAWS, EVALUATE, FUSE, INDEX, LATER, TRAIN, Change, counted
from tests.flows.conftest import Project

BEST: dict[str, Any] = {"kind": "mi_fuse", "recipe": "best", "steps": 30}
CHANGES = [
    Change("a renamed file", rename_clip, {}, (INDEX, FUSE, EVALUATE)),
    Change("another gold label", in_first("label", "sad"), {}, (INDEX, EVALUATE)),
    Change("another speaker", in_first("speaker", "somebody"), {}, (INDEX, *LATER)),
    Change("a clip's copy", copy_clip, {}, (INDEX, DRAWS, ASK, FUSE, EVALUATE)),
    Change("one clip more", add_clip, {}, ALL, calls=3, computed=4, measured=1),
    Change("more draws", lalm(draws=5), {}, (ASK, *LATER), calls=48),
    Change("another seed", lambda project: project.change(student=BEST | {"seed": 1}), {}, (TRAIN, EVALUATE)),
]


@pytest.fixture(scope="module")
def finished(finished_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Run once with this recipe and the rule that goes with it. Not to be changed: see `project`."""
    project = Project(tmp_path_factory.mktemp("best") / "project")
    shutil.copytree(finished_project.folder, project.folder, symlinks=True)
    project.change(student=BEST, fuse=None)
    assert project.mifuse("run", "small").exit_code == 0
    assert (project.results / "seen.parquet").exists()
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy, with links and file times as they were."""
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=[change.what for change in CHANGES])
def test_a_change_costs_what_it_must(project: Project, change: Change) -> None:
    """Exactly these stages run, and afterwards everything is fresh."""
    change.make(project)
    result = project.mifuse("run", "small")
    assert result.exit_code == 0, result.output
    ran = project.stages_run(result)
    assert ran == list(change.ran)
    assert counted(project, ran, ASK, "calls") == change.calls
    assert counted(project, ran, DRAWS, "computed") == change.computed
    assert counted(project, ran, INDEX, "measured") == change.measured
    assert "everything is fresh; nothing to run, no call made" in project.mifuse("run", "small").output
