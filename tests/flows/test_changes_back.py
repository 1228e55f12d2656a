"""Whatever is changed and taken back, what was there before is found again, without work and without a call."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flows.changes_made import classifier, clips, in_first, lalm, remove_clip, rename_clip, student
from tests.flows.conftest import Project

CHANGES: dict[str, Callable[[Project], object]] = {
    "fewer draws of the LALM": lalm(draws=2),
    "fewer draws of the classifier": classifier(draws=3),
    "another rule": lambda project: project.change(fuse={"kind": "equal"}),
    "another seed": student(seed=1),
    "other labels": clips(labels={"angry": "sad"}),
    "another gold label": in_first("label", "sad"),
    "one clip less": remove_clip,
    "a renamed file": rename_clip,
}


@pytest.mark.slow
@given(st.lists(st.sampled_from(sorted(CHANGES)), min_size=3, max_size=3, unique=True))
@settings(max_examples=2, derandomize=True, database=None)
def test_changes_taken_back_find_the_first_results_again(
    finished_project: Project, tmp_path_factory: pytest.TempPathFactory, chosen: list[str]
) -> None:
    project = Project(tmp_path_factory.mktemp("back") / "project")
    shutil.copytree(finished_project.folder, project.folder, symlinks=True)
    before = (project.results / "report.html").resolve()
    for what in chosen:
        CHANGES[what](project)
        assert project.mifuse("run", "small").exit_code == 0
    shutil.rmtree(project.folder / "target")
    shutil.copytree(finished_project.folder / "target", project.folder / "target")
    shutil.copy(finished_project.folder / "pipelines.yaml", project.folder / "pipelines.yaml")
    result = project.mifuse("run", "small")
    assert project.stages_run(result) == []
    assert "nothing to run, no call made" in result.output
    assert (project.results / "report.html").resolve() == before
