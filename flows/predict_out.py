"""Where `mifuse predict` writes: a file in one of three formats, rows as they come, or the screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.parquet as parquet

from tasks.contracts.errors import ClipsError
from tasks.contracts.tables import Schema
from tasks.storage.files import replacing

_ENDINGS = (".csv", ".jsonl", ".parquet")
_SHOWN = 100
_GROUP_ROWS = 1 << 16  # of a Parquet row group: small ones are slow to read


@dataclass
class Told:
    """What was written: how many rows, and how many of each label."""

    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)

    def count(self, rows: pl.DataFrame) -> None:
        """So many more."""
        self.rows += rows.height
        self.labels.update(rows["label"].to_list())


class _Format(Protocol):
    def write(self, rows: pl.DataFrame) -> None: ...

    def close(self) -> None: ...


class Writer:
    """Counts rows and hands them on."""

    def __init__(self, to: _Format) -> None:
        self.told, self._to = Told(), to

    def write(self, rows: pl.DataFrame) -> None:
        """Rows of the schema; any number."""
        self.told.count(rows)
        if rows.height:
            self._to.write(rows)


def check_ending(out: Path | None) -> None:
    """Raises ClipsError on a format that there is not."""
    if out is not None and out.suffix not in _ENDINGS:
        raise ClipsError(f'--out {out}: unknown ending "{out.suffix}". Expected {", ".join(_ENDINGS)}.')


@contextmanager
def writer_for(out: Path | None, schema: Schema) -> Iterator[Writer]:
    """The file appears when all rows are in it: who is interrupted finds the old one, or none."""
    if out is None:
        screen = _Screen(schema)
        yield Writer(screen)
        screen.close()
        return
    with replacing(out) as temporary, temporary.open("wb") as file:
        to = _FORMATS[out.suffix](file, schema)
        yield Writer(to)
        to.close()


class _Parquet:
    def __init__(self, file: BinaryIO, schema: Schema) -> None:
        self._waiting = pl.DataFrame(schema=schema)
        # Through Arrow, since Polars cannot add to a file; it finds its Enum again in the fields' metadata.
        self._schema: pa.Schema = self._waiting.to_arrow().schema
        self._file = parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, rows: pl.DataFrame) -> None:
        self._waiting = self._waiting.vstack(rows)
        if self._waiting.height >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._waiting.height:
            self._file.write_table(self._waiting.to_arrow())
            self._waiting = self._waiting.clear()


class _CSV:
    def __init__(self, file: BinaryIO, schema: Schema) -> None:
        self._file = file
        pl.DataFrame(schema=schema).write_csv(file)

    def write(self, rows: pl.DataFrame) -> None:
        rows.write_csv(self._file, include_header=False)

    def close(self) -> None:
        pass


class _JSONL:
    def __init__(self, file: BinaryIO, schema: Schema) -> None:
        self._file = file

    def write(self, rows: pl.DataFrame) -> None:
        rows.write_ndjson(self._file)

    def close(self) -> None:
        pass


class _Screen:
    """The first rows, and how many more there are."""

    def __init__(self, schema: Schema) -> None:
        self._shown, self._more = pl.DataFrame(schema=schema), 0

    def write(self, rows: pl.DataFrame) -> None:
        some = rows.head(_SHOWN - self._shown.height)
        self._shown, self._more = self._shown.vstack(some), self._more + rows.height - some.height

    def close(self) -> None:
        shown = self._shown.drop("clip_id")
        with pl.Config(tbl_rows=_SHOWN, tbl_cols=-1, tbl_width_chars=160, float_precision=3, fmt_str_lengths=60):
            pl.Config.set_tbl_hide_dataframe_shape(True).set_tbl_hide_column_data_types(True)
            print(shown)
        if self._more:
            print(f"… and {self._more:,} more; --out FILE takes all of them")


_FORMATS: dict[str, Callable[[BinaryIO, Schema], _Format]] = {".parquet": _Parquet, ".csv": _CSV, ".jsonl": _JSONL}
