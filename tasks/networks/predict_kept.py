"""A student's features out of the cache: each part of its encoder is loaded when a clip comes that is not kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from tasks.encoders import AudioPart
from tasks.encoders.base import Encoder, Frames
from tasks.encoders.batches import AudioFile, plan_batches
from tasks.encoders.features import Features, StoredFeatures
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.joined_features import JoinedFeatures, nothing_said
from tasks.encoders.storing import feature_store, store_batches
from tasks.encoders.text import TextSettings
from tasks.networks.config import ClassifierConfig

Told = Callable[[Sequence[AudioFile]], object]


class KeptFeatures:
    """What the head hears of any clips.

    Args:
        config: The student's.
        features: The folder of all encoders' features.
        batch_seconds: See `plan_batches`.
        device: Of the encoders.
    """

    def __init__(self, config: ClassifierConfig, features: Path, batch_seconds: float, device: str) -> None:
        encoder = config.encoder
        first, *others = encoder.parts if isinstance(encoder, JoinedSettings) else (encoder,)
        assert not isinstance(first, TextSettings | JoinedSettings)
        self._first = _Kept(first, features, batch_seconds, device, frames=config.hears_frames)
        self._others = [
            _Silent(shape) if isinstance(part, TextSettings) else _Kept(part, features, batch_seconds, device)
            for part, shape in zip(others, config.beside, strict=True)
        ]

    def of(self, files: Sequence[AudioFile], told: Told) -> Features:
        """In the order of the files; `told` hears of them when the first part has heard them."""
        heard = self._first.of(files, told)
        beside = [other.of(files, lambda some: None) for other in self._others]
        return JoinedFeatures([heard, *beside]) if beside else heard


class _Kept:
    """One part that hears audio."""

    def __init__(
        self, part: AudioPart, features: Path, batch_seconds: float, device: str, *, frames: bool = False
    ) -> None:
        self._part, self._batch_seconds, self._device, self._frames = part, batch_seconds, device, frames
        self._store = feature_store(part, features, frames=frames)

    @cached_property
    def _encoder(self) -> Encoder:
        encoder: Encoder = self._part.build(self._device)
        return encoder

    def of(self, files: Sequence[AudioFile], told: Told) -> Features:
        known = self._store.known()
        told([file for file in files if file.sha256 in known])
        if missing := plan_batches(files, known, self._batch_seconds):
            store_batches(self._encoder, missing, self._store, frames=self._frames, told=told)
        return StoredFeatures(self._store, [file.sha256 for file in files])


class _Silent:
    """A text encoder, of clips of which nobody knows what is said."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape

    def of(self, files: Sequence[AudioFile], told: Told) -> Features:
        return _NothingSaid(len(files), self._shape)


class _NothingSaid:
    """Keeps `Features`."""

    def __init__(self, n: int, shape: tuple[int, int]) -> None:
        self._n, (self.n_layers, self.dim) = n, shape

    def __len__(self) -> int:
        return self._n

    def rows(self, rows_B: Sequence[int]) -> Frames:
        return nothing_said(len(rows_B), (self.n_layers, self.dim))
