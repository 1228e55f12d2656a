"""The promise that every speech encoder makes: waves in, what each layer made of them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # settings modules import this file, and reading settings must not cost an import of torch
    import torch


@dataclass(frozen=True)
class Frames:
    """What a head hears of a batch: B rows, L layers, T frames, D features.

    A time mean is a clip of one frame: the same head takes stored means and whole sequences.

    Attributes:
        values_BLTD: Zeros after each row's last frame.
        n_frames_B: How many frames of each row count, int64, at least 1.
        beside: What further representations make of the same clips, such as their transcripts; there, 0 frames mean
            that a clip has none.
    """

    values_BLTD: torch.Tensor
    n_frames_B: torch.Tensor
    beside: tuple[Frames, ...] = ()

    @staticmethod
    def of_means(means_BLD: torch.Tensor) -> Frames:
        """Time means as clips of one frame."""
        return Frames(means_BLD[:, :, None], means_BLD.new_ones(len(means_BLD)).long())

    def means_BLD(self) -> torch.Tensor:
        """Each layer's mean over the frames that count."""
        if self.values_BLTD.shape[2] == 1:
            return self.values_BLTD[:, :, 0]
        return self.values_BLTD.sum(dim=2) / self.n_frames_B[:, None, None]

    def to(self, device: torch.device | str) -> Frames:
        """The same on another device."""
        beside = tuple(other.to(device) for other in self.beside)
        return Frames(self.values_BLTD.to(device), self.n_frames_B.to(device), beside)

    def __len__(self) -> int:
        return len(self.values_BLTD)


@dataclass(frozen=True)
class Live:
    """Dropout in the encoder: which clips (`tasks.maths.masks.clip_keys`), which draw numbers, which seed.

    With it a batch of N clips becomes N * K rows, clip by clip and within a clip draw by draw.
    """

    keys_N: torch.Tensor
    draws: tuple[int, ...]
    seed: int


class Encoder(Protocol):
    """Turns clips into features. A clip's row depends on that clip alone, never on what it is batched with."""

    n_layers: int
    dim: int

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        """16 kHz mono waves → float32 on the encoder's device: time means (T = 1), or all frames if `frames`.

        Gradients flow unless the caller forbids them; dropout is off but for `live`.
        """
        ...
