"""What a worker is told, what it keeps between two shards, and what it tells of a finished one."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from tasks.contracts.settings import Settings
from tasks.encoders.shards import Batch

_Loaded = TypeVar("_Loaded")

_numbers = itertools.count()


class WorkerSettings(Settings):
    """The same for each worker of a run.

    Attributes:
        runner: The kind of the runner that it belongs to.
        device: `device:` of the teacher.
        torch_threads: Of each worker. The same number everywhere, since sums of floats depend on it: Dask and Ray give
            their workers one thread by OMP_NUM_THREADS, a process of its own takes as many as there are cores.
    """

    runner: str = "threads"
    device: str = "auto"
    torch_threads: int


class ShardDone(Settings):
    """A finished shard: by which worker, and how many models that worker has loaded so far."""

    clips: int
    draws: int  # 0 where the shard is of features
    audio_s: float
    worker: str
    loads: int


class _Kept(threading.local):
    """One per worker thread, not per process: live dropout changes a model's settings while it is computing."""

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.key: object = None
        self.loaded: object = None
        self.loads = 0


_kept = _Kept()


def loaded_once(key: object, load: Callable[[], _Loaded]) -> _Loaded:
    """What `load` gives, kept until this worker is asked for something else: a model is read once, not per shard.

    A worker of a cluster outlives the run: the key must say what is loaded, not only where it lies.
    """
    if _kept.key != key:
        _kept.key = _kept.loaded = None  # not two models in memory
        _kept.loaded = load()
        _kept.key, _kept.loads = key, _kept.loads + 1
    return _kept.loaded  # type: ignore[return-value]


def shard_done(batches: Sequence[Batch]) -> ShardDone:
    """Told by the worker that this runs in."""
    return ShardDone(
        clips=sum(len(batch.files) for batch in batches),
        draws=sum(len(batch.files) * len(batch.draws) for batch in batches),
        audio_s=sum(batch.audio_s for batch in batches),
        worker=f"{os.getpid()}-{threading.get_ident()}",
        loads=_kept.loads,
    )


def device_of_worker(settings: WorkerSettings, dask_worker: int | None) -> str:
    """A GPU of this worker's own where there are several: worker 0 takes `cuda:0`, worker 1 `cuda:1`, and so on.

    Args:
        settings: A device named there is taken as it is.
        dask_worker: Its number in a cluster on this machine. Threads are counted here; Ray shows a worker its own GPUs.
    """
    import torch

    devices = torch.cuda.device_count()
    number = _kept.number if settings.runner == "threads" else dask_worker
    if settings.device != "auto" or devices < 2 or number is None:
        return settings.device
    return f"cuda:{number % devices}"


def set_torch_threads(settings: WorkerSettings) -> None:
    """Before each shard: the library that computes elsewhere in this process may have changed it."""
    import torch

    torch.set_num_threads(settings.torch_threads)
