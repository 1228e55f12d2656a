"""A teacher's table of draws as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import DrawsError
from tasks.contracts.tables import p_columns


def read_draws(
    path: Path, sha256s: Sequence[str], classes: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities (N, K, C) and which draws are valid (N, K), for the audio contents in the given order.

    Draws that are refused, unparsable, failed or absent are not valid and hold zeros.

    Raises:
        DrawsError: The table has no draw at all for some of the clips.
    """
    columns = ["sha256", "draw", "status", *p_columns(classes)]
    table = pl.read_parquet(path, columns=columns).unique(["sha256", "draw"], keep="first", maintain_order=True)
    if (absent := len(set(sha256s) - set(table["sha256"]))) > 0:
        raise DrawsError(
            f"{path}: {absent} of {len(sha256s)} clips have no draws. `mifuse run` brings the table up to date."
        )
    return as_draws(table, sha256s, classes)


def as_draws(
    table: pl.DataFrame, sha256s: Sequence[str], classes: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The same from a table in memory that has each draw of each audio content once."""
    order = pl.DataFrame({"sha256": list(sha256s)}).with_row_index("n")
    rows = table.join(order, on="sha256", how="inner").sort("n", "draw")
    draws = int(rows["draw"].max()) + 1  # type: ignore[arg-type]
    probs_NKC = np.zeros((len(sha256s), draws, len(classes)))
    valid_NK = np.zeros((len(sha256s), draws), dtype=bool)
    answered = rows.filter(pl.col("status") == "answered")
    at = (answered["n"].to_numpy(), answered["draw"].to_numpy())
    probs_NKC[at] = answered.select(p_columns(classes)).to_numpy()
    valid_NK[at] = True
    return probs_NKC, valid_NK


def read_unmapped(path: Path, sha256s: Sequence[str]) -> NDArray[np.float64]:
    """The mean mass that a clip's draws left to labels without a class, (N,); NaN where no draw says anything."""
    rows = pl.read_parquet(path, columns=["sha256", "draw", "unmapped"]).drop_nulls("unmapped")
    means = dict(rows.unique(["sha256", "draw"]).group_by("sha256").agg(pl.col("unmapped").sort().mean()).iter_rows())
    return np.array([means.get(sha256, np.nan) for sha256 in sha256s], dtype=np.float64)


def how_heard(path: Path) -> str:
    """How the teacher of a table of draws came to know of the clips: "audio" or "text proxy"."""
    return str(pl.read_parquet(path, columns=["heard"], n_rows=1)["heard"].item())


def model_versions(path: Path) -> list[str]:
    """Who gave the answers in a table of draws, by their own word."""
    return sorted(set(pl.read_parquet(path, columns=["model_version"])["model_version"].drop_nulls()))
