"""One process at a time; the next waits, is told who holds the lock, and goes on when that one has ended or died."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tasks.storage.run_locks import Holder, alone, holder_of


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds `run.lock`."""
    command = [sys.executable, "-m", "tests.storage.killed_writer", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
        process.kill()


def test_who_comes_first_does_not_wait(tmp_path: Path) -> None:
    with alone(tmp_path / "new" / "run.lock", "another run") as waited:
        assert not waited


def test_the_lock_says_who_holds_it_and_since_when(tmp_path: Path) -> None:
    with alone(tmp_path / "run.lock", "another run"):
        holder = holder_of(tmp_path / "run.lock")
    assert holder is not None
    assert (holder.pid, holder.host) == (os.getpid(), socket.gethostname())
    assert holder.since[:2] == "20"


def test_nothing_is_left_of_a_lock_that_nobody_holds(tmp_path: Path) -> None:
    with alone(tmp_path / "run.lock", "another run"):
        pass
    assert list(tmp_path.iterdir()) == []
    assert holder_of(tmp_path / "run.lock") is None


def test_a_second_process_is_named_and_waited_for(
    other: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, waits = "", []

    def wait() -> None:
        with alone(tmp_path / "run.lock", "another run of calls") as waited:
            waits.append(waited)

    second = Thread(target=wait)
    second.start()
    while "waiting" not in told:
        told += capsys.readouterr().out
        second.join(0.05)
    assert f"another run of calls is at work (pid {other.pid}, since 20" in told
    assert f"killed_writer.py {tmp_path}); waiting for it to end" in told
    assert not waits
    other.communicate()
    second.join()
    assert waits == [True]


def test_the_lock_of_a_killed_process_is_taken_over_at_once(
    other: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / "run.lock").exists()
    assert holder_of(tmp_path / "run.lock") is None
    with alone(tmp_path / "run.lock", "another run") as waited:
        assert not waited
        holder = holder_of(tmp_path / "run.lock")
    assert holder is not None
    assert holder.pid == os.getpid()
    assert capsys.readouterr().out == ""


def test_a_process_of_another_machine_is_told_with_its_name() -> None:
    assert Holder(7, "elsewhere", "2026-11-21 03:00:00+01:00", "mifuse run calls").told() == (
        "pid 7 on elsewhere, since 2026-11-21 03:00:00+01:00: mifuse run calls"
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 7}'])
def test_a_lock_that_does_not_say_who_holds_it_is_no_error(content: str, tmp_path: Path) -> None:
    with alone(tmp_path / "run.lock", "another run"):
        (tmp_path / "run.lock").write_text(content)
        assert holder_of(tmp_path / "run.lock") is None
