"""`source:` in pipelines.yaml: from which labelled audio, and how, `mifuse train-source` makes the classifier."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from tasks.contracts.settings import Settings
from tasks.encoders import EncoderSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.encoders.trainable import Trainable
from tasks.networks.pooling_settings import PoolingSettings, hears_frames, mistakes_in_pooling
from tasks.storage.clips import ClipsSettings


class SourceTraining(Settings):
    """How the network is trained, whatever it hears.

    Mixed precision is the encoder's: with `trainable`, it runs in `encoder.precision` in training too; the head and
    all weights stay float32.
    """

    epochs: int = Field(default=60, ge=1)  # at most; the learning rate falls to 0 over that many
    patience: int = Field(default=10, ge=1)  # epochs without a better validation UA (or the same with a lower loss)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)  # of the head
    encoder_learning_rate: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    # SHOT, DINE: keeps the source classifier from being sure of everything elsewhere
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    class_weights: Literal["balanced", "none"] = "balanced"
    validation: float = Field(default=0.2, gt=0, lt=1)  # share of the speakers held out
    seeds: int = Field(default=1, ge=1)  # that many runs, each with its own split, start and order
    seed: int = Field(default=0, ge=0)  # the first run's

    def learning_rate_factor(self, epochs_done: float) -> float:
        """Half a cosine, from 1 to 0 over all epochs.

        >>> [round(SourceTraining(epochs=60).learning_rate_factor(done), 2) for done in (0, 30, 60)]
        [1.0, 0.5, 0.0]
        """
        return 0.5 * (1 + math.cos(math.pi * min(1.0, epochs_done / self.epochs)))


class SourceSettings(SourceTraining):
    """`source:` labelled audio that `mifuse train-source` turns into the classifier."""

    clips: ClipsSettings
    encoder: EncoderSettings = LogMelSettings()
    trainable: Trainable = "none"
    pooling: PoolingSettings = "mean"
    frames: Literal["store", "recompute"] = "store"  # where pooling over frames finds a clip's frames again

    @model_validator(mode="after")
    def _fits_together(self) -> SourceSettings:
        if mistakes := list(self._mistakes()):
            raise ValueError("\n".join(mistakes))
        return self

    def _mistakes(self) -> Iterator[str]:
        if self.encoder.kind == "logmel" and self.fine_tunes:
            yield "`trainable`: the encoder logmel has no weights to train; take it away, or name another encoder"
        if self.encoder.kind in ("clap", "joined") and self.fine_tunes:
            yield f"`trainable`: an encoder of kind {self.encoder.kind} stays as it is; take it away, or name another"
        if self.encoder.kind in ("clap", "logmel") and self.pooling == "attentive":
            kind = self.encoder.kind
            yield f"`pooling`: {kind} hears a clip as one frame, of which there is only the mean; take `attentive` away"
        yield from mistakes_in_pooling(self.pooling, self.encoder)
        if not self.fine_tunes and "encoder_learning_rate" in self.model_fields_set:
            yield "`encoder_learning_rate`: the encoder is not trained; give `trainable` as well, or take it away"
        if "frames" in self.model_fields_set and (self.fine_tunes or not self.hears_frames):
            yield "`frames`: only pooling over the frames of an encoder that is not trained keeps frames; take it away"

    @property
    def hears_frames(self) -> bool:
        """Whether the head wants all frames of a clip, not their mean."""
        return hears_frames(self.pooling, self.encoder)

    @property
    def fine_tunes(self) -> bool:
        """Whether the encoder's weights change."""
        return self.trainable != "none"
