"""Another rule: what runs again, what it depends on, and what is shown of rules without weights."""

from __future__ import annotations

import sys

import polars as pl
import pytest

from tests.flows.conftest import Project

AFTER_TEACHERS = ["fuse_labels", "train_student", "evaluate_student"]


def rename_speakers(project: Project) -> None:
    manifest = project.folder / "target" / "manifest.csv"
    everyone = pl.lit("somebody").alias("speaker")
    pl.read_csv(manifest).with_columns(everyone).write_csv(manifest)


@pytest.mark.slow
def test_a_rule_that_sees_runs_again_when_speakers_are_renamed(project: Project) -> None:
    project.change(fuse={"kind": "generative"})
    assert project.stages_run(project.mifuse("run", "small")) == AFTER_TEACHERS
    assert (project.results / "seen.parquet").is_file()
    assert "everything is fresh" in project.mifuse("run", "small").output
    rename_speakers(project)
    assert project.stages_run(project.mifuse("run", "small"))[:2] == ["index_clips", "fuse_labels"]


@pytest.mark.slow
def test_a_rule_that_sees_nothing_does_not_run_again_when_speakers_are_renamed(project: Project) -> None:
    rename_speakers(project)
    assert project.stages_run(project.mifuse("run", "small")) == ["index_clips"]


@pytest.mark.slow
def test_a_rule_without_weights_is_inspected_and_reported(project: Project) -> None:
    project.change(fuse={"kind": "dawid_skene"})
    assert project.stages_run(project.mifuse("run", "small")) == AFTER_TEACHERS
    assert "null" in project.mifuse("inspect", "small").output
    assert "the rule has no weights" in (project.results / "report.html").read_text()


def test_a_package_that_is_not_installed_is_told_before_anything_runs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.change(fuse={"kind": "mace"})
    monkeypatch.setitem(sys.modules, "crowdkit", None)
    assert "fuse.kind mace needs crowd-kit, which is not installed" in project.mifuse("status", "small").output
