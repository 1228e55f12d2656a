"""`seen.parquet`: what a fusion rule saw of each clip, for the trainers that repeat the fusion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import TableError
from tasks.storage.files import replacing

_AGAIN = "Delete it and run `mifuse run`."


def write_seen(path: Path, sha256s: Sequence[str], seen_ND: NDArray[np.float32]) -> None:
    """One row per audio content, in order of sha256, and one column per number."""
    columns = {f"seen_{d}": seen_ND[:, d] for d in range(seen_ND.shape[1])}
    with replacing(path) as temporary:
        pl.DataFrame({"sha256": list(sha256s), **columns}).sort("sha256").write_parquet(temporary)


def read_seen(path: Path, sha256s: Sequence[str]) -> NDArray[np.float32]:
    """What was seen of these audio contents, in their order, shape (N, D).

    Raises:
        TableError: No such table, not Parquet, or some of the clips are not in it.
    """
    if not path.is_file():
        raise TableError(f"{path}: no such table. `mifuse run` makes it.")
    try:
        table = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise TableError(f"{path}: not a Parquet table ({error}). {_AGAIN}") from error
    asked = pl.DataFrame({"sha256": list(sha256s)}, schema={"sha256": pl.String})
    rows = asked.join(table, on="sha256", how="left", maintain_order="left")
    numbers = rows.drop("sha256")
    if absent := int(numbers.select(pl.any_horizontal(pl.all().is_null()).sum()).item()):
        raise TableError(f"{path}: {absent} of {len(sha256s)} clips are not in it. {_AGAIN}")
    return numbers.to_numpy().astype(np.float32)
