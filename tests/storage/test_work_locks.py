"""Nothing is taken out of a cache in which a run is at work, and no run starts while something is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from tasks.contracts.errors import CacheError
from tasks.storage.asking_locks import asking_lock
from tasks.storage.run_locks import alone
from tasks.storage.work_locks import RUN_LOCK, nobody_at_work
from tests.storage.conftest import NODE, Cache

LOCKS = [f"calls/{RUN_LOCK}", "work/train_student-1.lock", "fetched/a.lock", "demo/.classifier.lock"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_that_a_process_holds_is_a_run_at_work(lock: str, tmp_path: Path) -> None:
    with (
        alone(tmp_path / lock, ""),
        pytest.raises(CacheError, match=rf"a run is at work \(pid {os.getpid()}, since .*Nothing was removed"),
        nobody_at_work(tmp_path),
    ):
        pass


def test_an_unfinished_result_that_a_process_works_on_is_a_run_at_work(cache: Cache) -> None:
    with cache.store.begin(NODE), pytest.raises(CacheError, match="a run is at work"), nobody_at_work(cache.root):
        pass


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_that_nobody_holds_is_taken_and_then_gone(lock: str, tmp_path: Path) -> None:
    (tmp_path / lock).parent.mkdir()
    (tmp_path / lock).write_text('{"pid": 1}')
    with nobody_at_work(tmp_path), pytest.raises(Timeout):
        FileLock(tmp_path / lock).acquire(timeout=0)
    assert not (tmp_path / lock).exists()


def test_what_a_killed_run_left_unfinished_is_no_run_at_work(cache: Cache) -> None:
    left = cache.write("half")
    left.with_suffix(".lock").touch()
    with nobody_at_work(cache.root):
        pass
    assert left.with_suffix(".lock").exists()


def test_a_pipeline_that_is_not_running_cannot_start_meanwhile(cache: Cache) -> None:
    cache.finish()
    with nobody_at_work(cache.root), pytest.raises(Timeout):
        FileLock(cache.root / "calls" / RUN_LOCK).acquire(timeout=0)
    with FileLock(cache.root / "calls" / RUN_LOCK).acquire(timeout=0):
        pass


def test_whoever_asks_for_answers_is_looked_at_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    with FileLock(asking_lock(tmp_path / "answers", "m")), nobody_at_work(tmp_path):
        pass


def test_one_lock_that_is_held_lets_go_of_all_others(tmp_path: Path) -> None:
    (tmp_path / "a.lock").touch()
    with alone(tmp_path / "b.lock", ""), pytest.raises(CacheError), nobody_at_work(tmp_path):
        pass
    with FileLock(tmp_path / "a.lock").acquire(timeout=0):
        pass
