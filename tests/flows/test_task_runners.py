"""`runner:` becomes Prefect's task runner, or a mistake that says what to install."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.task_runners import ThreadPoolTaskRunner

from flows.task_runners import outcome_of, shards_at_once, task_runner, worker_settings
from tasks.contracts.errors import CheckpointError, SettingsError
from tasks.contracts.runner import DaskRunner, RayRunner, RunnerSettings, ThreadsRunner
from tasks.encoders.worker import ShardDone
from tasks.teachers.mc_dropout import MCDropoutSettings


def teacher(**given: Any) -> MCDropoutSettings:
    return MCDropoutSettings.model_validate({"path": "classifier"} | given)


def test_threads_are_prefects_own() -> None:
    assert task_runner(ThreadsRunner(workers=3)) == ThreadPoolTaskRunner(max_workers=3)


@pytest.mark.parametrize(
    ("runner", "package"),
    [(DaskRunner(), "prefect_dask"), (DaskRunner(), "distributed"), (RayRunner(), "prefect_ray"), (RayRunner(), "ray")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_package_that_is_not_installed_is_told_with_the_command(
    runner: RunnerSettings, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in ("prefect_dask", "distributed", "prefect_ray", "ray"):
        monkeypatch.setitem(sys.modules, needed, None if needed == package else sys)
    told = rf"the package {package} is not installed\. Install it with: pip install 'mifuse\[{runner.kind}\]'"
    with pytest.raises(SettingsError, match=told):
        task_runner(runner)


@pytest.mark.skipif(importlib.util.find_spec("prefect_dask") is None, reason="pip install 'mifuse[dask]'")
def test_dask_joins_a_cluster_or_starts_one_with_a_process_per_worker() -> None:
    there, here = task_runner(DaskRunner(address="tcp://a:1")), task_runner(DaskRunner(workers=3))
    assert there.address == "tcp://a:1"
    assert here.cluster_kwargs["n_workers"] == 3
    assert (here.cluster_kwargs["threads_per_worker"], here.cluster_kwargs["processes"]) == (1, True)


@pytest.mark.skipif(importlib.util.find_spec("prefect_ray") is None, reason="pip install 'mifuse[ray]'")
def test_ray_joins_a_cluster_or_starts_one_with_a_core_per_worker() -> None:
    assert task_runner(RayRunner(address="ray://a:1")).address == "ray://a:1"
    assert task_runner(RayRunner(workers=3)).init_kwargs["num_cpus"] == 3


def test_the_cores_are_shared_out_among_the_workers_of_this_machine() -> None:
    cores = len(os.sched_getaffinity(0))
    assert worker_settings(teacher()).torch_threads == cores
    many = worker_settings(teacher(runner={"kind": "threads", "workers": 2 * cores}))
    assert many.torch_threads == 1
    elsewhere = worker_settings(teacher(runner={"kind": "dask", "address": "tcp://a:1"}))
    assert elsewhere.torch_threads == 1


def test_threads_and_device_that_are_given_are_taken() -> None:
    settings = worker_settings(teacher(torch_threads=5, device="cuda:1", runner={"kind": "ray"}))
    assert (settings.torch_threads, settings.device, settings.runner) == (5, "cuda:1", "ray")


def test_each_worker_has_a_shard_waiting() -> None:
    assert shards_at_once(ThreadsRunner(workers=3)) == 6
    assert shards_at_once(RayRunner(address="ray://a:1")) >= 32


class Ended:
    """A shard's future whose end is known."""

    def __init__(self, end: ShardDone | Exception, raised: bool) -> None:
        self._end, self._raised = end, raised

    def result(self, raise_on_failure: bool = True) -> Any:
        if self._raised:
            raise self._end
        return self._end


def test_a_mistake_in_a_worker_is_given_back_as_it_is() -> None:
    mistake = CheckpointError("no classifier there")
    assert outcome_of(Ended(mistake, raised=False), ThreadsRunner()) is mistake


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="pip install 'mifuse[dask]'")
def test_a_worker_that_died_is_told_with_what_to_do() -> None:
    from distributed import KilledWorker

    death = KilledWorker("shard", SimpleNamespace(address="tcp://127.0.0.1:1"), 3)
    told = outcome_of(Ended(death, raised=True), DaskRunner())
    assert isinstance(told, SettingsError)
    assert told.__cause__ is death
    assert "a worker of dask died while it was computing" in str(told)
    assert "take fewer workers or a smaller batch_seconds" in str(told)


def test_importing_runners_imports_neither_dask_nor_ray(tmp_path: Path) -> None:
    code = "import sys, flows.shards; sys.exit(any(name in sys.modules for name in ('distributed', 'ray', 'torch')))"
    home = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=home).returncode == 0
