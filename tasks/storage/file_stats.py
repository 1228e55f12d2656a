"""Size and modification time of many files, at the price of one look at each: a folder may hold a million."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

STATS_SCHEMA = {"path": pl.String(), "size": pl.Int64(), "mtime_ns": pl.Int64()}

_Row = tuple[str, int | None, int | None]


def stats_below(folder: Path, suffixes: Collection[str]) -> pl.DataFrame:
    """All files below the folder with one of these endings, in order of their paths.

    Links to files are followed, links to folders are not. Paths are relative to the folder, with / between folders.
    """
    return _table(sorted(_below(os.fspath(folder), tuple(suffixes))))


def stats_of(folder: Path, paths: Sequence[str]) -> pl.DataFrame:
    """The files with these paths, in their order; size and time are null where there is no such file."""
    root = os.fspath(folder)
    return _table([_stat(root, path) for path in paths])


def _table(rows: Sequence[_Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, STATS_SCHEMA, orient="row")


def _below(root: str, endings: tuple[str, ...]) -> list[_Row]:
    """Not a recursion, and no Path for each file: in a large folder those took longer than the looks."""
    rows: list[_Row] = []
    folders = [""]
    while folders:
        below = folders.pop()
        with os.scandir(os.path.join(root, below)) as entries:  # noqa: PTH118
            for entry in entries:
                path = f"{below}/{entry.name}" if below else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif entry.name.lstrip(".").lower().endswith(endings) and entry.is_file():
                    rows += _looked_at(path, entry)
    return rows


def _looked_at(path: str, entry: os.DirEntry[str]) -> list[_Row]:
    try:
        found = entry.stat()
    except FileNotFoundError:  # gone since the folder was read
        return []
    return [(path, found.st_size, found.st_mtime_ns)]


def _stat(root: str, path: str) -> _Row:
    try:
        found = os.stat(os.path.join(root, path))  # noqa: PTH116, PTH118
    except (FileNotFoundError, NotADirectoryError):
        return path, None, None
    return (path, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else (path, None, None)
