"""`mifuse cache rm --unused`: what no pipeline shows, would show again or can go on with; never an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from flows.place import open_place
from tasks.storage.asking_locks import asking_lock
from tests.flows.cache.conftest import Folder
from tests.flows.cache.project import fill, listed, mifuse_cache, rename, states
from tests.flows.conftest import Project
from tests.storage.conftest import NODE, Cache


@pytest.mark.slow
def test_what_was_fresh_stays_fresh_and_going_back_costs_computing_but_no_call(project: Project) -> None:
    earlier = project.mifuse("status", "--json").output
    project.change(teachers={"lalm": {"kind": "simulated", "draws": 2}, **classifier()})
    assert project.mifuse("run", "small").exit_code == 0
    freed = mifuse_cache(project, "rm", "--unused", "--yes")
    assert "store: 4 results, " in freed.output
    assert all(states(project).values())
    assert "everything is fresh" in project.mifuse("run", "small").output
    assert listed(project)["earlier"]["results"] == 0

    project.change(teachers={"lalm": {"kind": "simulated", "draws": 3}, **classifier()})
    back = project.mifuse("run", "small")
    assert project.stages_run(back) == ["query_lalm.lalm", "fuse_labels", "train_student", "evaluate_student"]
    assert "calls 0, answered 72" in back.output
    assert fingerprints(project.mifuse("status", "--json").output) == fingerprints(earlier)


def classifier() -> dict[str, dict[str, object]]:
    return {"classifier": {"kind": "mc_dropout", "path": "classifier", "draws": 4}}


def fingerprints(status: str) -> list[str]:
    return [verdict["fingerprint"] for verdict in json.loads(status)["small"]]


def test_nothing_unused_nothing_removed(project: Project, contents: Callable[[Path], dict[str, bytes]]) -> None:
    project.mifuse("status", "small")  # the copy's audio has been looked at
    before = contents(project.cache)
    assert mifuse_cache(project, "rm", "--unused", "--yes").output == "nothing to remove.\n"
    assert contents(project.cache) == before


def test_results_that_present_settings_ask_for_stay_though_no_folder_shows_them(project: Project) -> None:
    assert mifuse_cache(project, "rm", "--pipeline", "small", "--unused", "--yes").exit_code == 0
    assert not project.results.exists()
    told = project.mifuse("run", "small").output
    assert "everything is fresh; nothing to run, no call made" in told
    assert all(states(project).values())


def test_what_a_pipeline_shows_stays_though_its_settings_have_changed(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    assert mifuse_cache(project, "rm", "--unused", "--yes").output == "nothing to remove.\n"


def test_what_a_folder_shows_that_goes_with_it_is_no_longer_used(project: Project) -> None:
    project.change(fuse={"kind": "equal"})
    told = mifuse_cache(project, "rm", "--unused", "--pipeline", "small", "--yes").output
    assert "store: 3 results, " in told


def test_what_a_pipeline_shows_stays_though_it_is_no_longer_in_pipelines_yaml(project: Project) -> None:
    rename(project, "big")
    assert "store" not in mifuse_cache(project, "rm", "--unused", "--yes").output
    assert len(listed(project)["results"]) == 6


def test_earlier_results_and_leftovers_go_where_there_is_no_pipelines_yaml_too(cache: Folder) -> None:
    shown = Cache(cache.root).finish("f2")
    left = Cache(cache.root).write("half")
    half = cache.root / "features" / "logmel" / f".b.arrow-{'0' * 32}"
    half.touch()
    result = cache.mifuse("rm", "--unused", "--yes")
    assert result.exit_code == 0
    assert "store: 1 result, " in result.output
    assert "left over by killed runs: 2 paths, " in result.output
    assert [shown.exists(), cache.result.exists(), left.exists(), half.exists()] == [True, False, False, False]
    assert cache.left() == [True, True, True]
    assert cache.features.exists()
    assert cache.work.exists()


def test_what_another_process_works_on_is_not_removed(cache: Folder) -> None:
    with Cache(cache.root).store.begin(NODE) as written:
        result = cache.mifuse("rm", "--unused", "--yes")
        assert written.exists()
    assert result.exit_code == 2
    assert "a run is at work" in result.output


def test_nothing_is_removed_while_the_pipeline_runs(project: Project) -> None:
    fill(project.cache / "store" / "fuse_labels" / "0123")
    with open_place("small", project.folder / "pipelines.yaml", project.cache).alone():
        result = mifuse_cache(project, "rm", "--unused", "--yes")
    assert result.exit_code == 2
    assert "small: a run is at work (pid " in result.output
    assert (project.cache / "store" / "fuse_labels" / "0123").exists()


def test_nothing_is_removed_while_a_run_asks(cache: Folder) -> None:
    Cache(cache.root).finish("f2")
    with FileLock(asking_lock(cache.answers, "gemini-2.5-pro")):
        result = cache.mifuse("rm", "--unused", "--yes")
    assert result.exit_code == 2
    assert "a run is asking right now" in result.output
    assert cache.result.exists()


def test_unused_says_what_it_would_free_before_anybody_agrees(cache: Folder) -> None:
    Cache(cache.root).finish("f2")
    result = cache.mifuse("rm", "--unused")
    assert result.exit_code == 2
    assert "of earlier settings; to go back to them then costs computing, and no call" in result.output
    assert "nobody can be asked; --yes removes without asking" in result.output
    assert cache.result.exists()
