"""An encoder that is trained together with the head: what it hears, its live dropout, its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from tasks.contracts.errors import CheckpointError, TrainingError
from tasks.encoders.base import Frames, Live
from tasks.encoders.features import AudioFile, HeardFeatures
from tasks.encoders.trainable import Trainable
from tasks.maths.masks import clip_keys

if TYPE_CHECKING:
    from tasks.encoders.pretrained import PretrainedEncoder


class TunedEncoder:
    """Keeps `source_network.Hearing`: the clips go through the encoder at each step, with gradients.

    Its dropout is live in training, by masks keyed by (seed, clip, step, layer), so that a run can be repeated and
    gone on with; LayerDrop and SpecAugment stay off, as in the draws of `dropout: all`.
    """

    def __init__(
        self,
        encoder: PretrainedEncoder,
        files: Sequence[AudioFile],
        trainable: Trainable,
        *,
        frames: bool,
        float16: bool,
        section: str = "source",
    ) -> None:
        self._encoder, self._section = encoder, section
        self._heard = HeardFeatures(files, encoder, frames=frames)
        self._keys_N = clip_keys([file.sha256 for file in files])
        self._trained = encoder.thaw(trainable)
        self.device, self.is_float16 = self._trained[0].device, float16

    def trained(self) -> list[nn.Parameter]:
        """Keeps `Hearing.trained`."""
        return self._trained

    def rows(self, rows_B: Sequence[int], dropout: tuple[int, int] | None) -> Frames:
        """Keeps `Hearing.rows`."""
        live = None
        if dropout is not None and self._encoder.has_dropout:
            seed, draw = dropout
            live = Live(self._keys_N[list(rows_B)], (draw,), seed)
        try:
            return self._heard.rows(rows_B, live=live)
        except CheckpointError as error:
            raise self.ran_away(error) from error

    def ran_away(self, error: CheckpointError) -> TrainingError:
        """What to say when the encoder's numbers are not finite; `section` is where its settings are."""
        return TrainingError(
            f"{error} If the encoder was sound before it was trained, lower {self._section}.encoder_learning_rate."
        )

    def save(self, folder: Path) -> None:
        """As a pretrained encoder that can be loaded from there."""
        self._encoder.save(folder)
