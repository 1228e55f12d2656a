"""A worker keeps one model, takes its own GPU, and says what it has done."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.encoders.batches import AudioFile
from tasks.encoders.shards import Batch
from tasks.encoders.worker import WorkerSettings, device_of_worker, loaded_once, set_torch_threads, shard_done

FILES = [AudioFile(name * 64, Path(f"{name}.wav"), seconds) for name, seconds in (("a", 1.0), ("b", 2.5))]


class Loading:
    """A model that counts how often it is loaded."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> object:
        self.times += 1
        return object()


def in_a_thread(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_a_worker_loads_a_model_once() -> None:
    loading = Loading()
    first, again = in_a_thread(lambda: [loaded_once("a", loading) for _ in range(2)])
    assert first is again
    assert loading.times == 1


def test_another_model_takes_the_first_ones_place() -> None:
    loading = Loading()
    in_a_thread(lambda: [loaded_once(key, loading) for key in ("a", "b", "b", "a")])
    assert loading.times == 3


def test_each_thread_has_a_model_of_its_own() -> None:
    loading = Loading()
    assert in_a_thread(lambda: loaded_once("a", loading)) is not in_a_thread(lambda: loaded_once("a", loading))


def test_what_failed_to_load_is_loaded_again() -> None:
    def fail() -> object:
        raise OSError("no such model")

    def twice() -> object:
        with pytest.raises(OSError, match="no such model"):
            loaded_once("a", fail)
        return loaded_once("a", lambda: "model")

    assert in_a_thread(twice) == "model"


def test_a_finished_shard_is_counted_with_its_worker_and_its_loads() -> None:
    def work() -> tuple[object, int]:
        loaded_once("a", Loading())
        return shard_done([Batch(FILES, (0, 1, 2)), Batch(FILES[:1], (3,))]), threading.get_ident()

    done, thread = in_a_thread(work)
    assert done.model_dump() == {
        "clips": 3,
        "draws": 7,
        "audio_s": 4.5,
        "worker": f"{os.getpid()}-{thread}",
        "loads": 1,
    }


@pytest.fixture
def _own_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_own_threads")
def test_each_worker_has_the_threads_that_it_is_told() -> None:
    set_torch_threads(WorkerSettings(torch_threads=3))
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("device", ["cpu", "cuda:1"])
def test_a_device_that_is_named_is_taken_as_it_is(device: str) -> None:
    assert device_of_worker(WorkerSettings(runner="dask", device=device, torch_threads=1), 5) == device


@pytest.mark.skipif(torch.cuda.device_count() > 1, reason="this machine has several GPUs")
def test_with_one_gpu_or_none_there_is_nothing_to_choose() -> None:
    assert device_of_worker(WorkerSettings(runner="dask", device="auto", torch_threads=1), 5) == "auto"


def test_several_gpus_are_taken_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    dask, ray = (WorkerSettings(runner=kind, device="auto", torch_threads=1) for kind in ("dask", "ray"))
    assert [device_of_worker(dask, number) for number in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert device_of_worker(dask, None) == "auto"  # joined by its address: its name is no number
    assert device_of_worker(ray, None) == "auto"  # Ray shows each worker its own


def test_threads_take_several_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    settings = WorkerSettings(runner="threads", device="auto", torch_threads=1)
    meet = threading.Barrier(2)

    def work(_: int) -> str:
        meet.wait(timeout=30)  # so that no thread takes both
        return device_of_worker(settings, None)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(work, range(2))) == ["cuda:0", "cuda:1"]
