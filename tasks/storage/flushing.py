"""To the disk itself: after a power cut a file is whole, and its name is there, only if both were flushed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

# Some file systems cannot flush a folder (EINVAL: many on FUSE and SMB), or not one that they let nobody open.
_CANNOT = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES)


def flush_file(path: Path) -> None:
    """What was written to the file, by whatever library."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """The names in it: what was made, renamed or removed there. Nothing where the file system cannot."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def flush_tree(folder: Path) -> None:
    """All files below a folder, and their names."""
    for root, _, names in os.walk(folder):
        for name in names:
            flush_file(Path(root, name))
        flush_folder(Path(root))
