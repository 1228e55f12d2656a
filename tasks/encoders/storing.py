"""The encoder's pass over clips, written to disk shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.encoders import Part
from tasks.encoders.base import Encoder, Frames
from tasks.encoders.batches import AudioFile
from tasks.storage.features import FeatureStore
from tasks.storage.files import sha256_of_json

# What is lost at most when the process is killed; frames are large, and a shard is in memory before it is written.
_SHARD_CLIPS, _SHARD_BATCHES, _SHARD_BYTES = 512, 8, 128 << 20


def feature_store(encoder: Part, features_folder: Path, *, frames: bool = False) -> FeatureStore:
    """The store of this encoder's time means, or of its frames."""
    return FeatureStore(store_folder(encoder, features_folder, frames=frames))


def store_folder(encoder: Part, features_folder: Path, *, frames: bool = False) -> Path:
    """Where that is; named after what the encoder is, so its files are read for it."""
    name = f"{encoder.kind}-{sha256_of_json(encoder.identity())[:16]}"
    return features_folder / (f"{name}-frames" if frames else name)


def store_batches(
    encoder: Encoder,
    batches: Iterable[list[AudioFile]],
    store: FeatureStore,
    *,
    frames: bool = False,
    told: Callable[[list[AudioFile]], object] = lambda done: None,
) -> None:
    """Computes the batches' features and writes them shard by shard; `told` hears of clips when they are heard.

    Raises:
        CheckpointError, ClipsError: As `hear_batches`; what was heard before is kept.
    """
    from tasks.encoders.hearing import hear_batches

    ready: list[tuple[str, NDArray[np.float32]]] = []
    parts = 0
    try:
        for files, heard in hear_batches(encoder, batches, frames=frames):
            ready += [(file.sha256, row) for file, row in zip(files, _rows(heard), strict=True)]
            parts += 1
            told(files)
            if parts == _SHARD_BATCHES or len(ready) >= _SHARD_CLIPS or sum(r.nbytes for _, r in ready) > _SHARD_BYTES:
                _write(store, ready)
                parts = 0
    finally:
        _write(store, ready)


def _rows(heard: Frames) -> list[NDArray[np.float32]]:
    """Each clip's (L, T, D) without the zeros after its last frame."""
    values_BLTD = heard.values_BLTD.cpu().numpy()
    return [row[:, :n_frames] for row, n_frames in zip(values_BLTD, heard.n_frames_B.tolist(), strict=True)]


def _write(store: FeatureStore, ready: list[tuple[str, NDArray[np.float32]]]) -> None:
    rows, ready[:] = list(ready), []  # first: whoever cannot write must not try again on the way out
    if rows:
        store.add([sha256 for sha256, _ in rows], [row for _, row in rows])
