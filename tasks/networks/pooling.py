"""Attentive statistics pooling: which frames of a clip tell its emotion is learnt."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn

from tasks.encoders.base import Frames

_ATTENTION_SIZE = 64
_LEAST_VARIANCE = 1e-5  # one frame, or frames all alike: the square root's slope at 0 is infinite


class Pooling(Protocol):
    """How a clip's frames become one vector, where that is not their mean."""

    size: int  # of the vector

    def __call__(self, frames_BTD: torch.Tensor, heard: Frames) -> torch.Tensor:
        """Shape (B, size).

        Args:
            frames_BTD: The weighted sum of layers, standardised.
            heard: What it is of: how many frames count, and what lies beside.
        """
        ...


class AttentiveStatistics(nn.Module):
    r"""Weighted mean and weighted standard deviation over time, one after the other.

    Each frame's weight is learnt from the frame::

        e_t = v · tanh(W h_t + b),   a = softmax(e) over the clip's frames
        m = sum_t a_t h_t,           s = sqrt( sum_t a_t (h_t - m)^2 )

    Okabe et al. 2018 (arXiv:1803.10963), equations 1 to 6. The variance is taken around the mean, not as a difference
    of two large numbers as equation 6 has it.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.size = 2 * dim
        self.to_tanh = nn.Linear(dim, _ATTENTION_SIZE)
        self.to_score = nn.Linear(_ATTENTION_SIZE, 1, bias=False)  # softmax takes a constant away

    def forward(self, frames_BTD: torch.Tensor, heard: Frames) -> torch.Tensor:
        """Shape (B, 2 D). Frames after a clip's last one have no weight."""
        counts_BT = torch.arange(frames_BTD.shape[1], device=frames_BTD.device) < heard.n_frames_B[:, None]
        scores_BT = self.to_score(self.to_tanh(frames_BTD).tanh())[..., 0]
        weights_BT = scores_BT.masked_fill(~counts_BT, -torch.inf).softmax(dim=-1)
        mean_BD = torch.einsum("bt,btd->bd", weights_BT, frames_BTD)
        variance_BD = torch.einsum("bt,btd->bd", weights_BT, (frames_BTD - mean_BD[:, None]).square())
        return torch.cat([mean_BD, variance_BD.clamp(min=_LEAST_VARIANCE).sqrt()], dim=-1)
