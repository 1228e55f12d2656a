"""Answers outlive the process that bought them, and several processes may buy at once."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.storage.answers import AnswerStore, Spent, StoredAnswer

ROOT = Path(__file__).resolve().parents[2]
OPEN = """
import os, signal, sys
from pathlib import Path
from tasks.storage.answers import AnswerStore, Spent, StoredAnswer

ONE = Spent(1, 3, 0.5)

def answer(text):
    return StoredAnswer(text, None, "m", 1, 2, 0.5, 1.0, "2026-11-21T03:00:00+00:00")

store = AnswerStore(Path(sys.argv[1]))
"""
PUT_AND_DIE = (
    OPEN + "store.put('k', answer(sys.argv[2] * int(sys.argv[3])), 'm', ONE); os.kill(os.getpid(), signal.SIGKILL)"
)
PUT_MANY = OPEN + "[store.put(f'{sys.argv[2]}-{i}', answer(sys.argv[2]), 'm', ONE) for i in range(40)]"


def start(code: str, *words: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], cwd=ROOT)


def answer(text: str) -> StoredAnswer:
    return StoredAnswer(text, None, "m", 1, 2, 0.5, 1.0, "2026-11-21T03:00:00+00:00")


@pytest.mark.parametrize("length", [1, 100_000], ids=["in the database", "in a file"])
def test_an_answer_survives_a_process_that_is_killed_right_after_it_was_put(length: int, tmp_path: Path) -> None:
    assert start(PUT_AND_DIE, tmp_path, "x", str(length)).wait() == -signal.SIGKILL
    with AnswerStore(tmp_path) as store:
        assert store.get("k") == answer("x" * length)


def test_so_does_what_it_cost(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    start(PUT_AND_DIE, tmp_path, "x", "1").wait()
    with AnswerStore(tmp_path) as store:
        assert store.spent("m", before) == Spent(calls=1, tokens=3, usd=0.5)


def test_two_processes_put_into_one_store_at_once(tmp_path: Path) -> None:
    processes = [start(PUT_MANY, tmp_path, name) for name in ("a", "b")]
    assert [process.wait() for process in processes] == [0, 0]
    with AnswerStore(tmp_path) as store:
        assert all(store.get(f"{name}-{i}") == answer(name) for name in ("a", "b") for i in range(40))


def test_what_two_processes_spend_at_once_adds_up(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    processes = [start(PUT_MANY, tmp_path, name) for name in ("a", "b")]
    assert [process.wait() for process in processes] == [0, 0]
    with AnswerStore(tmp_path) as store:
        assert store.spent("m", before) == Spent(calls=80, tokens=240, usd=40)


def test_a_store_that_is_open_sees_what_another_process_puts(tmp_path: Path) -> None:
    with AnswerStore(tmp_path) as store:
        assert store.get("a-0") is None
        assert start(PUT_MANY, tmp_path, "a").wait() == 0
        assert store.get("a-0") == answer("a")
