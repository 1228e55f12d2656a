"""SHA-256 of many files, remembered by size and modification time, so that an untouched folder costs one look each."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import polars as pl

from tasks.contracts.errors import CacheError
from tasks.contracts.progress import progress_bar
from tasks.storage.file_stats import STATS_SCHEMA
from tasks.storage.files import replacing, sha256_of_file

_SCHEMA = STATS_SCHEMA | {"sha256": pl.String()}
_THREADS = 4  # hashlib works outside the interpreter's lock, and a network's disk answers several at once
# A file that is written again within one tick of the disk's clock keeps its time: what is younger than this when it is
# hashed is hashed again next time.
_UNSETTLED_NS = 2_000_000_000


def hash_files(folder: Path, files: pl.DataFrame, memory: Path, *, deep: bool = False) -> list[str | None]:
    """The SHA-256 of each file below the folder; None where it cannot be opened.

    Args:
        folder: What the paths are relative to.
        files: Columns `path`, `size`, `mtime_ns`, as `file_stats` gives them.
        memory: A Parquet file of this function's, rewritten when something changed.
        deep: Hash every file again, also those whose size and time are as remembered.
    """
    known = pl.DataFrame(schema=_SCHEMA) if deep else _remembered(memory)
    rows = files.select(STATS_SCHEMA.keys()).unique("path", keep="first", maintain_order=True)
    rows = rows.join(known, on=list(STATS_SCHEMA), how="left", maintain_order="left")
    new = rows.filter(pl.col("sha256").is_null())["path"]
    if len(new):
        now_ns = time.time_ns()
        hashed = pl.DataFrame(
            {"path": new, "found": _hash_all(folder, new.to_list())}, {"path": pl.String, "found": pl.String}
        )
        rows = rows.join(hashed, on="path", how="left", maintain_order="left")
        is_settled = pl.col("found").is_null() | ((pl.col("mtime_ns") - now_ns).abs() > _UNSETTLED_NS)
        rows = rows.with_columns(is_settled=is_settled, sha256=pl.coalesce("sha256", "found"))
        _remember(rows.filter("is_settled").select(_SCHEMA.keys()), memory)
    elif rows.height < known.height:
        _remember(rows, memory)
    return files.select("path").join(rows, on="path", how="left", maintain_order="left")["sha256"].to_list()


def _hash_all(folder: Path, paths: list[str]) -> list[str | None]:
    with ThreadPoolExecutor(_THREADS) as pool, progress_bar("hashing audio", len(paths), "clips") as bar:
        hashes = []
        for sha256 in pool.map(lambda path: _hash(folder / path), paths):
            hashes.append(sha256)
            bar.update()
        return hashes


def _remembered(memory: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(memory, columns=list(_SCHEMA))
    except (OSError, pl.exceptions.PolarsError):  # absent, or damaged: it is only a memory
        return pl.DataFrame(schema=_SCHEMA)


def _remember(rows: pl.DataFrame, memory: Path) -> None:
    """Where the cache cannot be written, `mifuse status` still answers; a run says what is wrong with the cache."""
    if not memory.parent.parent.is_dir():  # no cache yet, and looking does not make one
        return
    with suppress(CacheError, OSError), replacing(memory) as temporary:
        rows.write_parquet(temporary)


def _hash(path: Path) -> str | None:
    try:
        return sha256_of_file(path)
    except OSError:  # the index names it: a quarantined row with a reason
        return None
