"""Audio files → stored features: what is stored is not computed again, what is missing goes through the encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError, ClipsError
from tasks.contracts.progress import progress_bar
from tasks.encoders import EncoderSettings
from tasks.storage.audio import read_audio
from tasks.storage.features import FeatureStore
from tasks.storage.files import sha256_of_json

_SHARD_CLIPS = 512  # at most this many clips' work is lost when the process is killed


@dataclass(frozen=True)
class AudioFile:
    """One recording, known by its content."""

    sha256: str
    path: Path
    duration_s: float


def feature_store(encoder: EncoderSettings, features_folder: Path) -> FeatureStore:
    """The store of this encoder's features."""
    return FeatureStore(features_folder / f"{encoder.kind}-{sha256_of_json(encoder.identity())[:16]}")


def features_of(
    files: Sequence[AudioFile],
    encoder: EncoderSettings,
    features_folder: Path,
    *,
    batch_seconds: float = 240,
    device: str = "auto",
) -> NDArray[np.float32]:
    """Per-layer time means of the files, shape (N, L, D). The encoder is loaded only if some are not stored yet."""
    store = feature_store(encoder, features_folder)
    known = store.known()
    missing = {file.sha256: file for file in files if file.sha256 not in known}
    if missing:
        _compute(list(missing.values()), encoder, store, batch_seconds, device)
    return store.read([file.sha256 for file in files])


def _compute(
    files: list[AudioFile], encoder: EncoderSettings, store: FeatureStore, batch_seconds: float, device: str
) -> None:
    built = encoder.build(device)
    ready: list[tuple[str, NDArray[np.float32]]] = []
    with progress_bar(f"features ({encoder.kind})", len(files), "clips") as bar:
        for batch in plan_batches(files, batch_seconds):
            features_NLD = built.encode([_wave(file) for file in batch]).numpy()
            _check_finite(features_NLD, batch)
            ready += [(file.sha256, row_LD) for file, row_LD in zip(batch, features_NLD, strict=True)]
            bar.update(len(batch))
            if len(ready) >= _SHARD_CLIPS:
                _write(store, ready)
        _write(store, ready)


def _wave(file: AudioFile) -> NDArray[np.float32]:
    content = file.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != file.sha256:  # its features would be kept under another recording's key
        raise ClipsError(f"{file.path}: has changed since it was indexed. Run again.")
    return read_audio(content)


def plan_batches(files: Sequence[AudioFile], batch_seconds: float) -> Iterator[list[AudioFile]]:
    """Clips of like length together, each batch at most `batch_seconds` long (one clip, if longer, goes alone)."""
    batch: list[AudioFile] = []
    for file in sorted(files, key=lambda file: (file.duration_s, file.sha256)):
        if batch and sum(other.duration_s for other in batch) + file.duration_s > batch_seconds:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _write(store: FeatureStore, ready: list[tuple[str, NDArray[np.float32]]]) -> None:
    if ready:
        store.add([sha256 for sha256, _ in ready], np.stack([row_LD for _, row_LD in ready]))
        ready.clear()


def _check_finite(features_NLD: NDArray[np.float32], batch: Sequence[AudioFile]) -> None:
    bad = [file.path for file, row_LD in zip(batch, features_NLD, strict=True) if not np.isfinite(row_LD).all()]
    if bad:
        raise CheckpointError(
            f"{bad[0]}: the encoder gives numbers that are not finite ({len(bad)} of {len(batch)} clips). Its weights "
            "are damaged, or it does not bear half precision; what was computed before is kept."
        )
