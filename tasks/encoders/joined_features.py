"""Features of several representations, clip by clip beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.encoders.base import Encoder, Frames, Live
from tasks.encoders.text import TextSettings

if TYPE_CHECKING:
    from tasks.encoders.features import Features
    from tasks.encoders.joined import JoinedSettings

Shape = tuple[int, int]  # layers and features


class JoinedFeatures:
    """Keeps `Features`: the first part's rows, with the other parts' time means beside them."""

    def __init__(self, parts: Sequence[Features]) -> None:
        self._first, self._others = parts[0], list(parts[1:])
        self.n_layers, self.dim = self._first.n_layers, self._first.dim
        self.beside: list[Shape] = [(other.n_layers, other.dim) for other in self._others]

    def __len__(self) -> int:
        return len(self._first)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`."""
        return replace(self._first.rows(rows_B), beside=tuple(other.rows(rows_B) for other in self._others))


class JoinedEncoder:
    """Keeps `Encoder`, for those who have audio and nothing else: to it no clip has a transcript."""

    def __init__(self, settings: JoinedSettings, device: str) -> None:
        self._first: Encoder = settings.audio.build(device)
        self._others = [part if isinstance(part, TextSettings) else part.build(device) for part in settings.parts[1:]]
        self.n_layers, self.dim = self._first.n_layers, self._first.dim
        self.beside: list[Shape] = [_shape(other) for other in self._others]

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        """Keeps `Encoder.hear`; `frames` is of the first part alone.

        Raises:
            ValueError: With `live`: parts that have no dropout cannot make draws of their own.
        """
        if live is not None:
            raise ValueError("a joined encoder makes no draws of its own")
        heard = self._first.hear(waves, frames=frames)
        device = heard.values_BLTD.device
        pairs = zip(self._others, self.beside, strict=True)
        beside = [
            nothing_said(len(waves), shape) if isinstance(other, TextSettings) else other.hear(waves)
            for other, shape in pairs
        ]
        return replace(heard, beside=tuple(each.to(device) for each in beside))


def nothing_said(n: int, shape: Shape) -> Frames:
    """What a text encoder's features are of clips without transcripts."""
    import torch

    return Frames(torch.zeros(n, shape[0], 1, shape[1]), torch.zeros(n, dtype=torch.int64))


def _shape(part: TextSettings | Encoder) -> Shape:
    if not isinstance(part, TextSettings):
        return part.n_layers, part.dim
    from tasks.encoders.text_encoder import read_text_config, shape_of

    return shape_of(read_text_config(part))
