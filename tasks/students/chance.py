"""Random numbers that depend on seed, purpose and position only, so that a checkpoint needs no state of them."""

from __future__ import annotations

import numpy as np
import torch

from tasks.maths.masks import draw_keys

ORDER, DROPOUT = 0, 1  # streams of chance; an objective's own begin at 2
FIRST_FREE_STREAM = 2
_STREAMS = 16  # as many as there may be


class Chance:
    """One seed, several streams that do not touch each other."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def generator(self, stream: int, position: int) -> torch.Generator:
        """For what belongs to no clip, such as the order of the clips; `position` is a step or an epoch."""
        # Not seed << 32: torch's CPU generator takes the lower 32 bits of a seed and drops the others.
        [state] = np.random.SeedSequence([self._seed, stream, position]).generate_state(1)
        return torch.Generator().manual_seed(int(state))

    def keys(self, stream: int, position: int, rows_B: torch.Tensor, draws: int = 1) -> torch.Tensor:
        """For dropout masks, shape (B, K), int64: a clip's own, whatever batch it is in and whichever process asks.

        Args:
            stream: The purpose, below 16.
            position: Step or epoch.
            rows_B: Which clips, as their places in the training data.
            draws: How many passes.
        """
        return draw_keys(rows_B, draws, self._seed, window=position * _STREAMS + stream)
