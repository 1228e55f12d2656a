"""Are stored results and tables as they were written? Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter

from tasks.storage.stage_records import RECORD, Record, changed_outputs

Told = Callable[[], object]


def result_folders(store: Path) -> list[Path]:
    """Finished results, of all pipelines. What a killed run left half-written is none."""
    return sorted(path for path in store.glob("*/*") if path.is_dir() and not path.name.startswith("."))


def check_results(store: Path, folders: Sequence[Path], told: Told) -> list[str]:
    """Hashes every output again. One line per result that is not as its record says."""
    problems = []
    for folder in folders:
        told()
        if wrong := _problems_of(folder):
            problems.append(f"{folder.relative_to(store)}: {'; '.join(wrong)}")
    return problems


def check_tables(tables: Sequence[Path], column: str | None, told: Told) -> list[str]:
    """One line per Parquet file that cannot be read: all of it, or only one column where files are large."""
    problems = []
    for path in tables:
        told()
        try:
            pl.read_parquet(path, columns=[column] if column else None)
        except (OSError, pl.exceptions.PolarsError) as error:
            problems.append(f"{path.name} cannot be read ({str(error).splitlines()[0]})")
    return problems


def _problems_of(folder: Path) -> list[str]:
    try:
        record = TypeAdapter(Record).validate_json((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return [f"{RECORD} is missing or cannot be read"]
    if record.fingerprint[: len(folder.name)] != folder.name:
        return [f"{RECORD} is that of another result"]
    try:
        return changed_outputs(record, folder, deep=True)
    except (OSError, KeyError, TypeError) as error:
        return [f"cannot be compared with {RECORD} ({type(error).__name__}: {error})"]
