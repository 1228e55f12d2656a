"""Workers in processes of their own: a Dask cluster and Ray on this machine, against one worker in this process."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from flows.settings import read_pipelines
from flows.shards import compute_missing_features
from tasks.contracts.runner import DaskRunner, RayRunner, RunnerSettings
from tasks.encoders.worker import ShardDone
from tasks.mc_dropout import files_of
from tasks.networks.config import read_config
from tasks.storage.clips import read_usable_clips
from tests.flows.conftest import Project
from tests.flows.wavlm import copy_of, draw, make_indexed, table

CLIPS, DRAWS = 36, 4

# Starting a cluster, and torch in each of its workers, takes long on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("prefect_ray") is None or importlib.util.find_spec("ray") is None,
    reason="Ray is not installed: pip install 'mifuse[ray]'",
)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_indexed(tmp_path_factory.mktemp("wavlm"), CLIPS)


@pytest.fixture(scope="module")
def alone(indexed: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables that one worker in this process writes."""
    found = {}
    for dropout in ("all", "head"):
        project = copy_of(indexed, tmp_path_factory.mktemp(dropout))
        assert draw(project, dropout=dropout) == CLIPS * DRAWS
        found[dropout] = table(project).read_bytes()
    assert found["all"] != found["head"]
    return found


def features_by(runner: RunnerSettings, project: Project) -> Sequence[ShardDone]:
    """Computes all clips' features, in as many shards as they make."""
    teacher = read_pipelines(project.folder / "pipelines.yaml")["small"].classifier
    teacher = teacher.model_copy(update={"runner": runner})
    files = files_of(read_usable_clips(project.results / "clips.parquet"), project.folder / "target")
    config = read_config(teacher.path)
    return compute_missing_features(teacher, config, files, project.cache / "features", project.cache / "work" / "x")


def assert_one_load_each(shards: Sequence[ShardDone]) -> None:
    """Each worker has loaded one model, however many shards it computed."""
    assert sum(shard.clips for shard in shards) == CLIPS
    assert len(shards) > len({shard.worker for shard in shards}) == 2
    assert {shard.loads for shard in shards} == {1}
    assert not any(shard.worker.startswith(f"{os.getpid()}-") for shard in shards)


def test_a_dask_cluster_makes_the_same_draws_byte_for_byte(
    indexed: Project, alone: dict[str, bytes], tmp_path: Path
) -> None:
    project = copy_of(indexed, tmp_path)
    assert draw(project, runner={"kind": "dask", "workers": 2}) == CLIPS * DRAWS
    assert table(project).read_bytes() == alone["all"]


def test_a_dask_cluster_makes_the_same_features_and_loads_one_model_per_worker(
    indexed: Project, alone: dict[str, bytes], tmp_path: Path
) -> None:
    project = copy_of(indexed, tmp_path)
    assert_one_load_each(features_by(DaskRunner(workers=2), project))
    assert draw(project, dropout="head") == CLIPS * DRAWS
    assert table(project).read_bytes() == alone["head"]


@needs_ray
def test_ray_makes_the_same_draws_byte_for_byte(indexed: Project, alone: dict[str, bytes], tmp_path: Path) -> None:
    project = copy_of(indexed, tmp_path)
    assert draw(project, runner={"kind": "ray", "workers": 2}) == CLIPS * DRAWS
    assert table(project).read_bytes() == alone["all"]


@needs_ray
def test_ray_makes_the_same_features_and_loads_one_model_per_worker(
    indexed: Project, alone: dict[str, bytes], tmp_path: Path
) -> None:
    project = copy_of(indexed, tmp_path)
    assert_one_load_each(features_by(RayRunner(workers=2), project))
    assert draw(project, dropout="head") == CLIPS * DRAWS
    assert table(project).read_bytes() == alone["head"]
