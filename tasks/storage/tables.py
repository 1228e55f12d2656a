"""Reads and writes Parquet tables; each is checked against its schema, and the same rows give the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow.parquet as parquet

from tasks.contracts.errors import TableError
from tasks.contracts.tables import Schema
from tasks.storage.files import replacing


def write_table(path: Path, table: pl.DataFrame, schema: Schema, metadata: dict[str, str] | None = None) -> None:
    """Writes the rows in order of their keys, in one step.

    Raises:
        TableError: The table does not keep the schema.
    """
    check_table(table, schema, path.name)
    keys = [name for name in ("clip_id", "draw") if name in schema]
    with replacing(path) as temporary:
        table.sort(keys).write_parquet(temporary, metadata=metadata or {}, statistics=True)


def read_table(path: Path, schema: Schema) -> pl.DataFrame:
    """The whole table.

    Raises:
        TableError: No such file, not Parquet, or not the schema.
    """
    if not path.is_file():
        raise TableError(f"{path}: no such table. `mifuse run` makes it.")
    try:
        table = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise TableError(f"{path}: not a Parquet table ({error}). Delete it and run `mifuse run`.") from error
    check_table(table, schema, str(path))
    return table


def read_metadata(path: Path) -> dict[str, str]:
    """The file's own key-value metadata: pipeline, classes, rule, settings, model versions."""
    stored = parquet.read_metadata(path).metadata or {}
    return {key.decode(): value.decode() for key, value in stored.items() if key != b"ARROW:schema"}


def check_table(table: pl.DataFrame, schema: Schema, name: str) -> None:
    """Same columns, same order, same types; keys without nulls or repeats."""
    found = dict(table.schema)
    if list(found) != list(schema):
        missing, extra = schema.keys() - found.keys(), found.keys() - schema.keys()
        detail = f"missing {sorted(missing)}, not expected {sorted(extra)}" if missing or extra else "order differs"
        raise TableError(f"{name}: columns differ from the contract: {detail}.")
    wrong = [
        f"{column} is {found[column]}, expected {schema[column]}"
        for column in schema
        if found[column] != schema[column]
    ]
    if wrong:
        raise TableError(f"{name}: types differ from the contract: {'; '.join(wrong)}.")
    keys = [column for column in ("clip_id", "draw") if column in schema]
    if table.select(keys).null_count().sum_horizontal().sum() or table.select(keys).is_duplicated().any():
        raise TableError(f"{name}: {' and '.join(keys)} must name each row once.")


def digest_of_columns(path: Path, columns: Sequence[str]) -> str:
    """A digest of some columns' distinct rows, in an order that no file name decides: how inputs are compared."""
    rows = pl.read_parquet(path, columns=list(columns)).unique().sort(columns, nulls_last=True)
    # As text: binary formats keep, under a null, whatever lay there in the order of the file's rows.
    return hashlib.sha256(f"{rows.schema}\n{rows.write_ndjson()}".encode()).hexdigest()
