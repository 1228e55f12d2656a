"""One process at a time does a piece of work; whoever waits for it is told who is at it.

The system lets go of a lock when its process dies, however it does: a lock file alone means nothing.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from tasks.storage.disks import writing_to
from tasks.storage.files import make_folder
from tasks.storage.leftovers import is_held

_AT_ONCE_S = 0.5  # whoever only looks at a lock holds it for a moment
_TELL_EVERY_S = 60.0


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock, as it said so itself."""

    pid: int
    host: str
    since: str
    command: str

    def told(self) -> str:
        """For a person."""
        here = "" if self.host == socket.gethostname() else f" on {self.host}"
        return f"pid {self.pid}{here}, since {self.since}: {self.command}"


def holder_of(file: Path) -> Holder | None:
    """Who holds the lock now; None where nobody does, or where it has not said so yet."""
    return _written_in(file) if is_held(file) else None


@contextmanager
def alone(file: Path, other: str) -> Iterator[bool]:
    """Waits until nobody else holds the lock, and says who does; True after another one had it.

    Args:
        file: The lock; gone when nobody holds it.
        other: What the other one would be, such as "another run of calls".
    """
    make_folder(file.parent)
    lock = FileLock(file, fallback_to_soft=False, thread_local=False)
    with writing_to(file):
        waited = _wait(lock, file, other)
    try:
        with writing_to(file):
            file.write_text(json.dumps(asdict(_this_process())) + "\n", encoding="utf-8")
        yield waited
    finally:
        file.unlink(missing_ok=True)  # before it is let go of: whoever waits for this one then makes a new one
        lock.release()


def _wait(lock: FileLock, file: Path, other: str) -> bool:
    try:
        lock.acquire(timeout=_AT_ONCE_S)
        return False
    except Timeout:
        pass
    told = f"{other} is at work{_told_holder(file)}; waiting for it to end"
    while True:
        print(f"  {told}", flush=True)
        try:
            lock.acquire(timeout=_TELL_EVERY_S)
            return True
        except Timeout:
            told = f"still waiting for {other}{_told_holder(file)}"


def _told_holder(file: Path) -> str:
    holder = _written_in(file)
    return f" ({holder.told()})" if holder else f" (it holds {file})"


def _written_in(file: Path) -> Holder | None:
    try:
        return TypeAdapter(Holder).validate_json(file.read_bytes())
    except (OSError, ValueError):  # just let go of, or not written yet
        return None


def _this_process() -> Holder:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return Holder(os.getpid(), socket.gethostname(), since, _command())


def _command() -> str:
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    return " ".join([{"flows": "mifuse"}.get(name, name), *sys.argv[1:]])[:200]
