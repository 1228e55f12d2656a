"""SHA-256 of many files, remembered by size and modification time, so that an untouched folder costs one look each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tasks.storage.files import replacing, sha256_of_file

_SCHEMA = {"path": pl.String(), "size": pl.Int64(), "mtime_ns": pl.Int64(), "sha256": pl.String()}


def hash_files(folder: Path, paths: Sequence[str], memory: Path, *, deep: bool = False) -> list[str | None]:
    """The SHA-256 of each file below the folder; None where it cannot be opened.

    Args:
        folder: What the paths are relative to.
        paths: The files.
        memory: A Parquet file of this function's, rewritten when something changed.
        deep: Hash every file again, also those whose size and time are as remembered.
    """
    rows = pl.DataFrame(
        [(path, *_stat(folder / path)) for path in paths], dict(list(_SCHEMA.items())[:3]), orient="row"
    )
    known = pl.DataFrame(schema=_SCHEMA) if deep else _remembered(memory)
    rows = rows.unique("path", keep="first", maintain_order=True)
    rows = rows.join(known, on=["path", "size", "mtime_ns"], how="left", maintain_order="left")
    hashes = [sha256 or _hash(folder / path) for path, sha256 in rows.select("path", "sha256").iter_rows()]
    rows = rows.with_columns(sha256=pl.Series(hashes, dtype=pl.String))
    if not rows.equals(known):
        with replacing(memory) as temporary:
            rows.write_parquet(temporary)
    found = dict(zip(rows["path"], hashes, strict=True))
    return [found[path] for path in paths]


def _stat(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _remembered(memory: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(memory).select(_SCHEMA.keys())
    except (OSError, pl.exceptions.PolarsError):  # absent, or damaged: it is only a memory
        return pl.DataFrame(schema=_SCHEMA)


def _hash(path: Path) -> str | None:
    try:
        return sha256_of_file(path)
    except OSError:  # the index names it: a quarantined row with a reason
        return None
