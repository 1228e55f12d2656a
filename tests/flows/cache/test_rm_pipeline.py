"""`mifuse cache rm --pipeline NAME`: the folder that shows a pipeline's results, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.cache.conftest import Folder
from tests.flows.cache.project import mifuse_cache, rename, states
from tests.flows.conftest import Project


@pytest.mark.parametrize("name", ["store", "answers", "features"])
def test_a_folder_that_all_pipelines_share_is_refused(name: str, cache: Folder) -> None:
    result = cache.mifuse("rm", "--pipeline", name, "--yes")
    assert result.exit_code == 2
    assert f"cache rm --pipeline {name}: all pipelines share this folder" in result.output
    assert cache.left() == [True, True, True]


@pytest.mark.parametrize("name", ["call", "../cache/calls", "."])
def test_a_name_of_no_pipeline_is_refused_with_those_that_there_are(name: str, cache: Folder) -> None:
    result = cache.mifuse("rm", "--pipeline", name, "--yes")
    assert result.exit_code == 2
    assert f"no pipeline of this name has a folder in {cache.root}. Those that have: calls." in result.output
    assert (cache.root / "calls").exists()


def test_the_folder_goes_and_its_results_stay_in_the_store(cache: Folder) -> None:
    result = cache.mifuse("rm", "--pipeline", "calls", "--yes")
    assert result.exit_code == 0
    assert not (cache.root / "calls").exists()
    assert (cache.result / "labels.parquet").exists()
    assert cache.left() == [True, True, True]


def test_a_folder_that_is_a_link_to_another_disk_goes_with_what_it_shows(cache: Folder, tmp_path: Path) -> None:
    (cache.root / "calls").rename(tmp_path / "disk")
    (cache.root / "calls").symlink_to(tmp_path / "disk")
    assert cache.mifuse("rm", "--pipeline", "calls", "--yes").exit_code == 0
    assert list((tmp_path / "disk").iterdir()) == []
    assert not (cache.root / "calls").is_symlink()


def test_a_pipeline_that_still_stands_in_pipelines_yaml_is_made_again_and_that_is_said(project: Project) -> None:
    result = mifuse_cache(project, "rm", "--pipeline", "small", "--yes")
    assert "the next run of it makes the folder again" in result.output
    assert not any(states(project).values())
    assert "nothing to run, no call made" in project.mifuse("run", "small").output


def test_of_one_that_was_taken_out_of_pipelines_yaml_that_is_said(project: Project) -> None:
    rename(project, "big")
    result = mifuse_cache(project, "rm", "--pipeline", "small", "--yes")
    assert "not in pipelines.yaml: no pipeline shows its results then" in result.output
