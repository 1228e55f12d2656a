"""How well each pair of repeats did on source clips, and beside it, in a table of its own, the pair that is taken.

They are two, since the draws depend on the pair alone: a larger grid that chooses the same one makes no draw anew.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.contracts.errors import TableError
from tasks.contracts.tables import Schema
from tasks.storage.files import replacing


def repeats_schema() -> Schema:
    """`repeats/<teacher>.parquet`: one row per pair, in order of r_a, then r_t."""
    return {
        "r_a": pl.Int64(),  # how often the clip stands in a row
        "r_t": pl.Int64(),  # how often the word does
        "ua": pl.Float64(),  # of the prompt ensemble, on source clips that are held out
        "gain": pl.Float64(),  # over no repeats at all, on the same clips
        "gain_se": pl.Float64(),  # its standard error if neither were better
        "n": pl.Int64(),  # clips
        "chosen": pl.Boolean(),
    }


def pair_schema() -> Schema:
    """`repeats/<teacher>-chosen.parquet`: one row."""
    return {name: repeats_schema()[name] for name in ("r_a", "r_t")}


def write_repeats(path: Path, table: pl.DataFrame) -> None:
    """In one step, in order of the pairs."""
    with replacing(path) as temporary:
        table.select(repeats_schema().keys()).sort("r_a", "r_t").write_parquet(temporary)


def read_repeats(path: Path) -> pl.DataFrame:
    """The whole table.

    Raises:
        TableError: There is none, or another than `repeats_schema` says.
    """
    return _read(path, repeats_schema())


def write_pair(path: Path, pair: tuple[int, int]) -> None:
    """The chosen pair (r_a, r_t), in one step."""
    with replacing(path) as temporary:
        pl.DataFrame([pair], pair_schema(), orient="row").write_parquet(temporary)


def read_pair(path: Path) -> tuple[int, int]:
    """The chosen pair (r_a, r_t).

    Raises:
        TableError: No such table, or another than one row of `pair_schema`.
    """
    table = _read(path, pair_schema())
    if table.height != 1:
        raise TableError(
            f"{path}: {table.height} pairs of repeats are chosen, expected one. Delete the table; `mifuse run` makes "
            "it again."
        )
    r_a, r_t = table.row(0)
    return int(r_a), int(r_t)


def _read(path: Path, schema: Schema) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path}: no table of repeats ({error}). `mifuse run` makes it.") from error
    if dict(table.schema) != schema:
        raise TableError(f"{path}: not a table of repeats. Delete it; `mifuse run` makes it again.")
    return table
