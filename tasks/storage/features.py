"""Encoder features on disk, one row per audio content, in shards that are written as they are finished."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.storage.files import make_folder, replacing, sha256_of_json


class FeatureStore:
    """The features of one encoder: audio sha256 → array of shape (L, D)."""

    def __init__(self, folder: Path) -> None:
        self._folder = make_folder(folder)

    def known(self) -> set[str]:
        """The sha256 of every audio that is stored."""
        shards = self._shards()
        return set(pl.read_parquet(shards, columns=["sha256"])["sha256"]) if shards else set()

    def add(self, sha256s: Sequence[str], features_NLD: NDArray[np.float32]) -> None:
        """One shard more."""
        _, n_layers, dim = features_NLD.shape
        kind = pl.Array(pl.Float32, (n_layers, dim))
        shard = pl.DataFrame({"sha256": list(sha256s), "features": pl.Series(features_NLD, dtype=kind)})
        with replacing(self._folder / f"{sha256_of_json(sorted(sha256s))[:16]}.parquet") as temporary:
            shard.write_parquet(temporary, compression="uncompressed")

    def read(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        """Shape (N, L, D), in the order of `sha256s`."""
        wanted = pl.DataFrame({"sha256": list(sha256s)}).with_row_index("order")
        found = [pl.read_parquet(shard).join(wanted, on="sha256", how="inner") for shard in self._shards()]
        if not found:
            raise KeyError(f"{len(sha256s)} of {len(sha256s)} clips have no stored features")
        rows = pl.concat(found).unique("order", keep="first", maintain_order=True).sort("order")
        if rows.height != len(sha256s):
            raise KeyError(f"{len(sha256s) - rows.height} of {len(sha256s)} clips have no stored features")
        return np.array(rows["features"].to_numpy(), dtype=np.float32)  # a copy: torch wants memory that it may write

    def _shards(self) -> list[Path]:
        return sorted(self._folder.glob("*.parquet"))
