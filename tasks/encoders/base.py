"""The promise that every speech encoder makes: waves in, per-layer time means out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # settings modules import this file, and reading settings must not cost an import of torch
    import torch


class Encoder(Protocol):
    """Turns clips into vectors that no longer know how long the clip was.

    A clip's row depends on that clip alone, never on what it is batched with.
    """

    n_layers: int
    dim: int

    def encode(self, waves: list[NDArray[np.float32]]) -> torch.Tensor:
        """16 kHz mono waves → float32 on the CPU, shape (N, L, D): each layer's mean over time."""
        ...
