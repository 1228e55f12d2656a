"""What a disk has against being written to, told so that a person knows which, why and what to do."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.contracts.errors import DiskError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_BROKEN = {errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO}
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP}

_KEPT = "What was finished or paid for before is kept, and the same command goes on from there."
_ELSEWHERE = "--cache DIR or MIFUSE_CACHE names another folder for the cache"
_ROOM = "`mifuse cache ls` shows what the cache holds, `mifuse cache rm --unused` removes what no pipeline uses"
_ADVICE = [
    (_FULL, f"{_KEPT} Make room: {_ROOM}, {_ELSEWHERE}."),
    (_CLOSED, f"{_KEPT} Let this user read and write there; {_ELSEWHERE}."),
    (_BROKEN, f"{_KEPT} Look whether the disk is full or broken: {_ROOM}, {_ELSEWHERE}."),
    (_NO_LOCKS, f"Locks keep two runs apart, and this file system has none; {_ELSEWHERE}."),
]
# What SQLite says instead of a number.
_SQLITE = {
    "full": errno.ENOSPC,
    "readonly database": errno.EROFS,
    "unable to open": errno.EACCES,
    "disk I/O error": errno.EIO,
    "locking protocol": errno.ENOLCK,
}


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Within the block a disk's own error, from whatever library, becomes one that names the path.

    Raises:
        DiskError: In its place. Other errors pass.
    """
    try:
        yield
    except raised_by_disks() as error:
        if (told := disk_error(error, path)) is None:
            raise
        raise told from error


def raised_by_disks() -> tuple[type[Exception], ...]:
    """The errors that may be a disk's. What has not been imported has raised none: polars alone takes 0.2 s."""
    known = {"polars.exceptions": "PolarsError", "safetensors": "SafetensorError"}
    theirs = (getattr(sys.modules[module], name) for module, name in known.items() if module in sys.modules)
    return (OSError, sqlite3.OperationalError, *theirs)


def disk_error(error: Exception, path: Path | None = None) -> DiskError | None:
    """What is to be told; None where no disk is at fault.

    Args:
        error: As it was raised.
        path: What was written to, where the error does not say.
    """
    if isinstance(error, DiskError):
        return error
    number = _number_of(error)
    advice = next((advice for numbers, advice in _ADVICE if number in numbers), None)
    if number is None or advice is None:
        return None
    named = getattr(error, "filename2", None) or getattr(error, "filename", None) or path
    where = f"{os.fspath(named)}: " if named is not None else ""
    said = str(error) if isinstance(error, sqlite3.Error) else os.strerror(number)
    return DiskError(f"{where}{said}. {advice}")


def _number_of(error: Exception) -> int | None:
    """Rust's libraries say it in their text alone: "No space left on device (os error 28)"."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if isinstance(error, sqlite3.Error):
        return next((number for said, number in _SQLITE.items() if said in str(error)), None)
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None
