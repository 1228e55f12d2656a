"""`runner:` as Prefect's task runner, and what its workers are told."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from tasks.contracts.errors import SettingsError
from tasks.contracts.runner import DaskRunner, RayRunner, RunnerSettings, ThreadsRunner
from tasks.encoders.worker import ShardDone, WorkerSettings
from tasks.teachers.mc_dropout import MCDropoutSettings
from tasks.teachers.zero_shot import ZeroShotSettings

_AT_ONCE_ELSEWHERE = 64  # shards that wait in a cluster whose size is not ours to set


def task_runner(runner: RunnerSettings) -> TaskRunner[Any]:
    """Prefect's own.

    Raises:
        SettingsError: Its package is not installed.
    """
    if isinstance(runner, ThreadsRunner):
        return ThreadPoolTaskRunner(max_workers=runner.workers)
    _check_installed(runner.kind)
    return _dask(runner) if isinstance(runner, DaskRunner) else _ray(runner)


def shards_at_once(runner: RunnerSettings) -> int:
    """How many are handed out before the first is done: each worker has one to go on with."""
    elsewhere = not isinstance(runner, ThreadsRunner) and runner.address is not None
    return _AT_ONCE_ELSEWHERE if elsewhere else 2 * runner.workers


def worker_settings(teacher: MCDropoutSettings | ZeroShotSettings) -> WorkerSettings:
    """For each worker of the teacher's runner. The cores of this machine are shared out among those that are here."""
    runner = teacher.runner
    elsewhere = not isinstance(runner, ThreadsRunner) and runner.address is not None
    share = 1 if elsewhere else max(1, _cores() // runner.workers)
    return WorkerSettings(runner=runner.kind, device=teacher.device, torch_threads=teacher.torch_threads or share)


def _cores() -> int:
    """That this process may use: a container or `taskset` may give it fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def outcome_of(shard: PrefectFuture[ShardDone], runner: RunnerSettings) -> ShardDone | BaseException:
    """Waits for a shard; what went wrong with it is given back, not raised, so that others can be waited for."""
    try:
        outcome: ShardDone | BaseException = shard.result(raise_on_failure=False)
    except _deaths(runner) as error:
        outcome = error
    if isinstance(outcome, _deaths(runner)):
        told = SettingsError(
            f"runner: a worker of {runner.kind} died while it was computing ({outcome}). Most often memory was not "
            "enough: take fewer workers or a smaller batch_seconds. What was computed before is kept."
        )
        told.__cause__ = outcome
        return told
    return outcome


def _deaths(runner: RunnerSettings) -> tuple[type[Exception], ...]:
    if isinstance(runner, DaskRunner):
        from distributed import KilledWorker

        return (KilledWorker,)
    if isinstance(runner, RayRunner):
        from ray.exceptions import RayError

        return (RayError,)
    return ()


@contextmanager
def workers_ready(runner: RunnerSettings) -> Iterator[None]:
    """Inside a flow: workers in processes of their own report to this run's server; Ray gives each its GPUs."""
    if isinstance(runner, ThreadsRunner):
        with _own_threads_after():
            yield
        return
    context = FlowRunContext.get()
    assert context is not None
    # A temporary server stands in no setting, and each worker would start one of its own.
    with temporary_settings({PREFECT_API_URL: str(context.client.api_url)}), _ray_options(runner):
        yield


@contextmanager
def _own_threads_after() -> Iterator[None]:
    """What a worker of this process sets counts for the stages after it too, unless it is taken back."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _ray_options(runner: RunnerSettings) -> Iterator[None]:
    if not isinstance(runner, RayRunner) or not runner.gpus_per_worker:
        yield
        return
    from prefect_ray.context import remote_options

    with remote_options(num_gpus=runner.gpus_per_worker):
        yield


def _check_installed(kind: str) -> None:
    for package in (f"prefect_{kind}", {"dask": "distributed"}.get(kind, kind)):
        if importlib.util.find_spec(package) is None:
            raise SettingsError(
                f"runner.kind is {kind}, and the package {package} is not installed. "
                f"Install it with: pip install 'mifuse[{kind}]'. Or set `runner: {{kind: threads}}`."
            )


def _dask(runner: DaskRunner) -> TaskRunner[Any]:
    from prefect_dask.task_runners import DaskTaskRunner

    if runner.address is not None:
        return DaskTaskRunner(address=runner.address)
    cluster = {
        "n_workers": runner.workers,
        "threads_per_worker": 1,
        "processes": True,
        "memory_limit": 0,  # Dask would kill a worker whose model takes more than its share of the memory
        "dashboard_address": None,  # no port of this machine is taken
        "silence_logs": "ERROR",
        "preload": ["flows.dask_worker"],
    }
    return DaskTaskRunner(cluster_kwargs=cluster)


def _ray(runner: RayRunner) -> TaskRunner[Any]:
    from prefect_ray.task_runners import RayTaskRunner

    if runner.address is not None:
        return RayTaskRunner(address=runner.address)
    return RayTaskRunner(init_kwargs={"num_cpus": runner.workers, "include_dashboard": False, "logging_level": "ERROR"})
