"""How much lies in a folder."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FolderSize:
    """Files, links among them, and the bytes in them."""

    files: int = 0
    bytes: int = 0


def size_of(folder: Path) -> FolderSize:
    """Of all that lies below the folder, or of a file. What a link shows lies elsewhere, and is not counted."""
    files = size = 0
    for path in folder.rglob("*") if folder.is_dir() else [folder]:
        with suppress(FileNotFoundError):  # a run at work has just removed it
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode):
                files, size = files + 1, size + found.st_size
    return FolderSize(files, size)


def sum_of(sizes: Iterable[FolderSize]) -> FolderSize:
    """All together."""
    counted = list(sizes)
    return FolderSize(sum(size.files for size in counted), sum(size.bytes for size in counted))
