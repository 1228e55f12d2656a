"""A stage's work: one process at a time does the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

from flows.place import open_place
from tests.flows.conftest import Project


def test_a_second_run_waits_for_one_that_computes_the_same_and_takes_its_result(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """They share a folder of checkpoints and plans, which the first to end removes."""
    place = open_place("small", project.folder / "pipelines.yaml", project.cache)
    asked, told = [], []

    def work(out: Path, work_folder: Path) -> dict[str, Any]:
        asked.append(work_folder)
        if len(asked) == 1:
            second.start()
            while second.is_alive() and "another run that computes the same is at work (pid " not in "".join(told):
                told.append(capsys.readouterr().out)
                second.join(0.05)
        pl.DataFrame({"sha256": ["x"]}).write_parquet(out / "clips.parquet")
        return {"clips": 1}

    second = Thread(target=lambda: told.append(str(place.perform("index_clips", work))))
    place.perform("index_clips", work)
    second.join()
    assert len(asked) == 1
    assert told[-1] == "{'clips': 1}"
    assert list((project.cache / "work").glob("*.lock")) == []


def index_again(project: Project) -> list[str]:
    """Runs the index; why it did, as its record says."""
    place = open_place("small", project.folder / "pipelines.yaml", project.cache)

    def work(out: Path, work_folder: Path) -> dict[str, Any]:
        pl.DataFrame({"sha256": ["x"]}).write_parquet(out / "clips.parquet")
        return {"clips": 1}

    place.perform("index_clips", work)
    record = place.store.record_of(place.nodes[0])
    assert record is not None
    return record.reasons


def test_the_record_of_a_stage_that_was_fresh_says_that_it_was_forced(project: Project) -> None:
    assert index_again(project) == ["forced"]


def test_the_record_of_a_stage_that_was_stale_says_why_it_ran(project: Project) -> None:
    clip, other = sorted((project.folder / "target").rglob("*.flac"))[:2]
    clip.write_bytes(other.read_bytes())
    assert index_again(project) == ["1 clip changed"]


def test_somebody_who_runs_the_pipeline_is_known_to_others(project: Project) -> None:
    place = open_place("small", project.folder / "pipelines.yaml", project.cache)
    assert place.at_work() is None
    with place.alone():
        holder, told = place.at_work(), project.mifuse("status", "small").output
    assert holder is not None
    assert holder.pid == os.getpid()
    assert f"a run is at work (pid {os.getpid()}, since " in told
    assert place.at_work() is None
    assert "at work" not in project.mifuse("status", "small").output


def test_an_earlier_result_is_not_shown_under_the_feet_of_a_run_at_work(project: Project) -> None:
    """A stage reads what is shown: it would keep what it makes of another result under the key of its own."""
    shown, place = (
        project.results / "pseudo_labels.parquet",
        open_place("small", project.folder / "pipelines.yaml", project.cache),
    )
    shown.unlink()
    command = [sys.executable, "-m", "flows", "run", "--pipelines", str(place.pipelines), "small"]
    with place.alone():
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert "another run of small is at work (pid " in second.stdout.readline()
        assert not shown.exists()
    assert "fuse_labels                  kept" in second.communicate()[0]
    assert shown.exists()
