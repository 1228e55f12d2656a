"""A classifier's draws on disk, one row per audio content and draw number, in shards written as they are finished."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import CacheError
from tasks.storage.files import make_folder, replacing


class DrawStore:
    """The draws of one classifier, one kind of dropout and one seed: (audio sha256, draw) → float64 probabilities.

    Columns are in the classifier's own order of classes: a pipeline that names them in another order shares the rows.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder if folder.is_dir() else make_folder(folder)  # one to be read may be read-only

    def missing(self, sha256s: Sequence[str], draws: int) -> dict[tuple[int, ...], list[str]]:
        """Which of the draws 0 to K - 1 are not stored: draw numbers → the audio contents that lack exactly these."""
        rows = self._rows(sha256s, draws, columns=["sha256", "draw"])
        held = dict(rows.group_by("sha256").agg("draw").iter_rows())
        groups: dict[tuple[int, ...], list[str]] = {}
        for sha256 in dict.fromkeys(sha256s):
            if lacking := tuple(sorted({*range(draws)} - {*held.get(sha256, ())})):
                groups.setdefault(lacking, []).append(sha256)
        return groups

    def add(self, sha256s: Sequence[str], draws: Sequence[int], probs_NKC: NDArray[np.float64]) -> None:
        """One shard more: the draws with these numbers of these audio contents."""
        n, k, c = probs_NKC.shape
        rows_MC = probs_NKC.reshape(n * k, c)
        shard = pl.DataFrame(
            {
                "sha256": np.repeat(np.array(sha256s), k),
                "draw": np.tile(np.array(draws, dtype=np.uint16), n),
                "probs": pl.Series(rows_MC, dtype=pl.Array(pl.Float64, c)),
            }
        )
        name = hashlib.sha256("\n".join([*map(str, draws), *sorted(sha256s)]).encode()).hexdigest()[:16]
        with replacing(self._folder / f"{name}.parquet") as temporary:
            shard.write_parquet(temporary)

    def read(self, sha256s: Sequence[str], draws: int) -> NDArray[np.float64]:
        """The draws 0 to K - 1, shape (N, K, C), in the order of `sha256s`.

        Raises:
            CacheError: Some are not stored.
        """
        wanted = pl.DataFrame({"sha256": list(sha256s)}).with_row_index("n")
        rows = wanted.join(self._rows(sha256s, draws), on="sha256", how="inner").sort("n", "draw")
        if absent := len(sha256s) * draws - rows.height:
            raise CacheError(
                f"{self._folder}: {absent:,} of {len(sha256s) * draws:,} draws are not there; something has removed "
                "them since they were computed. Run again: what is missing alone is computed."
            )
        return np.array(rows["probs"].to_numpy()).reshape(len(sha256s), draws, -1)

    def _rows(self, sha256s: Sequence[str], draws: int, columns: list[str] | None = None) -> pl.DataFrame:
        """Each row once, though two runs at the same time may both have computed it: the first by file name counts."""
        found = [_read_shard(path, columns) for path in sorted(self._folder.glob("*.parquet"))]
        if not found:
            return pl.DataFrame(schema={"sha256": pl.String, "draw": pl.UInt16, "probs": pl.Array(pl.Float64, 1)})
        # Joined once, not shard by shard: of a thousand shards that took five times as long.
        wanted = pl.DataFrame({"sha256": list(set(sha256s))}, {"sha256": pl.String})
        rows = pl.concat(found).filter(pl.col("draw") < draws)
        rows = rows.join(wanted, on="sha256", how="semi", maintain_order="left")
        return rows.unique(["sha256", "draw"], keep="first", maintain_order=True)


def _read_shard(path: Path, columns: list[str] | None) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, columns=columns)
    except pl.exceptions.PolarsError as error:
        raise CacheError(
            f"{path}: stored draws that cannot be read ({error}). Delete the file and run again: its draws alone are "
            "computed again."
        ) from error
