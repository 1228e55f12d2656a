"""What a classifier's head hears of audio files: stored time means, stored frames, or frames heard anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Encoder
from tasks.encoders.features import AudioFile, Features, features_of
from tasks.encoders.joined_features import JoinedEncoder, JoinedFeatures
from tasks.networks.config import ClassifierConfig


def features_for(
    config: ClassifierConfig,
    files: Sequence[AudioFile],
    features_folder: Path,
    *,
    batch_seconds: float = 240,
    device: str = "auto",
) -> Features:
    """The files' features, in their order; what is not stored yet goes through the encoder.

    Raises:
        CheckpointError: The encoder has another number of layers or features than the head expects.
    """
    pooled: dict[str, Any] = {"frames": config.frames} if config.hears_frames else {}
    found = features_of(files, config.encoder, features_folder, batch_seconds=batch_seconds, device=device, **pooled)
    check_fits(config, found)
    return found


def check_fits(config: ClassifierConfig, found: Features | Encoder) -> None:
    """Raises CheckpointError where the encoder has another number of layers or features than the head expects."""
    expected, given = [(config.n_layers, config.dim), *config.beside], [(found.n_layers, found.dim), *beside_of(found)]
    if expected != given:  # torch might stretch one to fit the other
        raise CheckpointError(
            f"the classifier's head is for {_told(expected)}; its encoder ({config.encoder.kind}) gives "
            f"{_told(given)}. Train the classifier again."
        )


def beside_of(found: Features | Encoder) -> list[tuple[int, int]]:
    """Layers and features of the further representations: see `ClassifierConfig.beside`."""
    return found.beside if isinstance(found, JoinedFeatures | JoinedEncoder) else []


def _told(shapes: Sequence[tuple[int, int]]) -> str:
    return " beside ".join(f"{n_layers} layers of {dim} features" for n_layers, dim in shapes)


def clips_at_once(config: ClassifierConfig) -> int:
    """How many clips' features may be in memory together: time means are small, a clip's frames are not."""
    return 16 if config.hears_frames else 256
