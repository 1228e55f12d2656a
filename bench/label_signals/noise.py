"""Features with noise added: how fast does a head forget what it heard?"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tasks.encoders.base import Frames
from tasks.encoders.features import Features
from tasks.networks.statistics import Statistics


class Noisy:
    """Keeps `Features`: Gaussian noise on each frame, the same for each clip whoever asks.

    Args:
        features: Without noise.
        statistics: Of clean clips: noise is as loud as a feature's spread over the clips at 0 dB.
        snr_db: Signal to noise.
        seed: Of the noise.
    """

    def __init__(self, features: Features, statistics: Statistics, snr_db: float, seed: int) -> None:
        self._features, self._seed = features, seed
        self._std_LD = statistics.std_LD * 10 ** (-snr_db / 20)
        self.n_layers, self.dim = features.n_layers, features.dim

    def __len__(self) -> int:
        return len(self._features)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        """Keeps `Features.rows`: there is none where a clip has ended."""
        heard = self._features.rows(rows_B)
        values_BLTD = heard.values_BLTD.clone()
        for clip_LTD, n_frames, row in zip(values_BLTD, heard.n_frames_B.tolist(), rows_B, strict=True):
            chance = torch.Generator().manual_seed(self._seed * 1_000_003 + row)
            noise_LTD = torch.randn(len(clip_LTD), n_frames, self.dim, generator=chance)
            clip_LTD[:, :n_frames] += noise_LTD * self._std_LD[:, None]
        return Frames(values_BLTD, heard.n_frames_B)
