"""Encoder features on disk, one row per audio content, in shards that are written as they are finished."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import CacheError
from tasks.storage.feature_shards import SUFFIX, Shard, write_shard
from tasks.storage.files import make_folder, sha256_of_json

_MAPPED_BYTES = 256 << 20  # they count as this process's memory; more would only be faster for clips in random order
_MAPPED_FILES = 256  # each costs an open file, of which a process may have 1,024


class _Place(NamedTuple):
    shard: Path
    row: int
    n_frames: int


class FeatureStore:
    """The features of one encoder: audio sha256 → (L, T, D), where T is 1 for time means.

    Nothing but the index is in memory: rows are copied out of mapped files when they are asked for. An audio that is
    stored twice is read from the shard that was found first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder if folder.is_dir() else make_folder(folder)  # one to be read may be read-only
        self._places: dict[str, _Place] = {}
        self._seen: set[Path] = set()
        self._mapped: OrderedDict[Path, Shard] = OrderedDict()
        self.n_layers, self.dim = 0, 0  # until something is stored
        self._look()

    def known(self) -> set[str]:
        """The sha256 of every audio that is stored, by other processes too.

        Raises:
            CacheError: A damaged shard, or one of another encoder.
        """
        self._look()
        return set(self._places)

    def add(self, sha256s: Sequence[str], rows: Sequence[NDArray[np.float32]] | NDArray[np.float32]) -> None:
        """One shard more. Each row is (L, D), a time mean, or (L, T, D).

        In order of sha256, so that the same clips have the same places whoever writes them: another process may have
        the file of this name indexed already.
        """
        row_of = {sha256: row[:, None] if row.ndim == 2 else row for sha256, row in zip(sha256s, rows, strict=True)}
        ordered = sorted(row_of)
        shard = self._folder / f"{sha256_of_json(ordered)[:16]}{SUFFIX}"
        write_shard(shard, ordered, [row_of[sha256] for sha256 in ordered])
        self._look()

    def check(self, sha256s: Sequence[str]) -> None:
        """Is each of them stored?

        Raises:
            KeyError: Some are not.
        """
        if any(sha256 not in self._places for sha256 in sha256s):
            self._look()
        if missing := sum(sha256 not in self._places for sha256 in sha256s):
            raise KeyError(f"{missing} of {len(sha256s)} clips have no stored features")

    def rows(self, sha256s: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Values (B, L, T, D) with zeros after each row's last frame, and the number of frames of each row.

        Raises:
            KeyError: Some are not stored.
            CacheError: A damaged shard.
        """
        self.check(sha256s)
        places = [self._places[sha256] for sha256 in sha256s]
        n_frames_B = np.array([place.n_frames for place in places], dtype=np.int64)
        values_BLTD = np.zeros((len(places), self.n_layers, n_frames_B.max(initial=1), self.dim), np.float32)
        for b in sorted(range(len(places)), key=lambda b: places[b].shard):
            values_BLTD[b, :, : n_frames_B[b]] = self._shard(places[b].shard).row(places[b].row)
        return values_BLTD, n_frames_B

    def _look(self) -> None:
        """Notes what lies in shards that were not there before."""
        for path in sorted(set(self._folder.glob(f"[!.]*{SUFFIX}")) - self._seen):
            shard = Shard(path)
            if self._seen and (shard.n_layers, shard.dim) != (self.n_layers, self.dim):
                raise CacheError(
                    f"{path}: features of {shard.n_layers} layers of {shard.dim}; the other files in this folder hold "
                    f"{self.n_layers} of {self.dim}. Delete the folder and run again: its features are computed anew."
                )
            self.n_layers, self.dim = shard.n_layers, shard.dim
            for row, (sha256, n_frames) in enumerate(shard.index()):
                self._places.setdefault(sha256, _Place(path, row, n_frames))
            self._seen.add(path)

    def _shard(self, path: Path) -> Shard:
        if path not in self._mapped:
            self._mapped[path] = Shard(path)
        self._mapped.move_to_end(path)
        while len(self._mapped) > 1 and self._are_too_many():
            self._mapped.popitem(last=False)
        return self._mapped[path]

    def _are_too_many(self) -> bool:
        return len(self._mapped) > _MAPPED_FILES or sum(s.n_bytes for s in self._mapped.values()) > _MAPPED_BYTES
