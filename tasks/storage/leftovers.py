"""What killed processes leave behind, told from what living ones write by locks, which die with their process.

Not by age: clocks are set back, and a copy of the cache may be dated anyhow. Not by process id: those of another
machine or container that writes to the same cache mean nothing here.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from tasks.storage.flushing import flush_folder

_UNFINISHED = ".unfinished-"
_TEMPORARY = re.compile(r"\..+-[0-9a-f]{32}")


@contextmanager
def unfinished_folder(parent: Path) -> Iterator[Path]:
    """A new folder to write to, known to be at work on while this process lives; what is left of it is removed."""
    folder = _new_name(parent)
    lock = FileLock(_lock_of(folder), fallback_to_soft=False, thread_local=False)
    with lock:  # taken before there is a folder: one without a lock is dead
        try:
            folder.mkdir()  # not mkdtemp: its folders are for their owner alone
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


def put_in_place(written: Path, place: Path) -> None:
    """Renames an unfinished folder; what was at the place before is removed after that, not before."""
    old = written.with_suffix(".old")  # under the same lock
    with suppress(FileNotFoundError):
        place.rename(old)
    try:
        written.rename(place)
    except OSError:
        with suppress(FileNotFoundError):
            old.rename(place)
        raise
    flush_folder(place.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A new, empty, locked file beside `path`; gone when the block ends, unless it was renamed."""
    temporary, descriptor = _new_locked_file(path)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


def leftovers(cache: Path) -> list[Path]:
    """All that killed processes have left below a folder: unfinished results and half-written files."""
    found: list[Path] = []
    for root, folders, files in os.walk(cache):
        unfinished = [name for name in folders if name.startswith(_UNFINISHED)]
        folders[:] = sorted(set(folders) - set(unfinished))  # nothing below them counts by itself
        ours = [*unfinished, *(name for name in files if _is_ours(name, unfinished))]
        found += (path for name in sorted(ours) if not is_held(_lock_of(path := Path(root, name))))
    return found


def sweep(parent: Path) -> None:
    """Removes what killed processes have left in a folder that `unfinished_folder` was given."""
    remove_leftovers(parent.glob(f"{_UNFINISHED}*"))


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Removes those that are still nobody's."""
    for path in paths:
        lock = _lock_of(path)
        with _held_if_free(lock) as is_free:
            if is_free:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                lock.unlink(missing_ok=True)


def is_held(file: Path) -> bool:
    """A living process holds the lock; also True where the system cannot tell."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _held_if_free(file: Path) -> Iterator[bool]:
    """False where somebody holds the lock, and where the system cannot tell."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield True
        return
    except OSError:
        yield False
        return
    try:
        yield _lock(descriptor, fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int = 0) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
    except OSError:
        return False
    return True


def _new_locked_file(path: Path) -> tuple[Path, int]:
    while True:
        temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")  # not mkstemp: its files are for their owner
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        _lock(descriptor)  # where the file system has no locks, `is_held` cannot tell either: never swept
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)  # swept between these two steps


def _new_name(parent: Path) -> Path:
    return parent / f"{_UNFINISHED}{uuid.uuid4().hex}"


def _is_ours(name: str, unfinished: list[str]) -> bool:
    """Of files: a half-written one, or the lock of an unfinished folder that is no longer there."""
    is_lock = name.startswith(_UNFINISHED) and name.removesuffix(".lock") not in unfinished
    return is_lock or _TEMPORARY.fullmatch(name) is not None


def _lock_of(path: Path) -> Path:
    """A half-written file is locked itself; a folder and what it replaces by a file beside them."""
    return path.with_suffix(".lock") if path.name.startswith(_UNFINISHED) else path
