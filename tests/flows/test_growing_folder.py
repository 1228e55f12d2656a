"""A folder that grows while a run is at work: the run keeps to what it found, the next one takes the rest."""

from __future__ import annotations

import shutil
import threading

import pytest

from flows.index_clips import index_clips
from flows.place import open_place
from tasks.storage.listed_once import listed_once
from tests.flows.changes_made import in_first
from tests.flows.conftest import Project


@pytest.fixture
def growing(project: Project) -> Project:
    """Without a manifest: whatever lies in the folder is a clip."""
    project.change(clips={"folder": "target/audio"})
    return project


def test_a_recording_that_arrives_during_a_run_is_the_next_runs(growing: Project) -> None:
    shutil.rmtree(growing.cache)
    some = next((growing.folder / "target" / "audio").glob("*.wav"))
    indexed, ended = growing.results / "clips.parquet", threading.Event()

    def arrive() -> None:
        while not indexed.exists() and not ended.wait(0.005):
            continue
        (some.parent / "late.wav").write_bytes(some.read_bytes()[:-2000])

    arrival = threading.Thread(target=arrive)
    arrival.start()
    result = growing.mifuse("run", "small")
    ended.set()
    arrival.join()
    assert result.exit_code == 0
    assert growing.stages_run(result)[-1] == "evaluate_student"
    assert "1 clip added" in growing.mifuse("status", "small").output
    assert "calls 3," in growing.mifuse("run", "small").output


def test_a_manifest_that_is_edited_during_a_run_makes_the_index_stale(project: Project) -> None:
    """And not fresh: the run keeps to the rows that it found, under their own key."""
    place = open_place("small", project.folder / "pipelines.yaml", project.cache)
    with listed_once():
        place.examine()
        in_first("label", "sad")(project)
        assert all(verdict.is_fresh for verdict in place.examine())
        index_clips("small", str(place.pipelines), str(place.cache))
    assert "manifest: gold_label of 1 clip changed" in project.mifuse("status", "small").output
