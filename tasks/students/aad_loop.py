"""What AaD minimises; settings are in `aad.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tasks.encoders.base import Frames
from tasks.networks.head import Head
from tasks.students.bank import Bank, check_neighbours
from tasks.students.base import TrainingData
from tasks.students.objective import Moment

if TYPE_CHECKING:
    from tasks.students.aad import AaDSettings


class AaDObjective:
    r"""Predictions like the neighbours', unlike those of the rest of the batch::

        L = E_i[ - sum_k s_ik · p_i  +  λ sum_{m ≠ i} p_m · p_i ]

    s_ik is the newest prediction of the k-th neighbour; m runs over the batch. Yang et al. 2022 (arXiv:2205.04183),
    equation 5. Features are what the head's last layer hears.
    """

    def __init__(self, settings: AaDSettings, head: Head, data: TrainingData) -> None:
        check_neighbours(data, settings.neighbours, "neighbours")
        self._settings = settings
        self._bank = Bank(head, data, settings.batch_size)

    def begin(self, step: int, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        """The bank is filled once."""
        self._bank.fill()

    def parts(self, at: Moment) -> dict[str, torch.Tensor]:
        """See `Objective`."""
        self._bank.renew(at)
        near_BK = self._bank.nearest(at.rows_B, self._settings.neighbours)
        probs_BC = at.logits_BC.softmax(dim=-1)
        alike_BB = probs_BC @ probs_BC.T
        others_B = alike_BB.sum(dim=-1) - alike_BB.diagonal()
        return {
            "near": -(self._bank.probs_NC[near_BK].sum(dim=1) * probs_BC).sum(dim=-1).mean(),
            "apart": self._settings.dispersion(at.step) * others_B.mean(),
        }

    def learned(self) -> None:
        """Nothing follows the student."""

    def target_BC(self) -> torch.Tensor | None:
        """There are no labels."""
        return None

    def teacher_BC(self) -> torch.Tensor | None:
        """No teacher moves."""
        return None

    def state(self) -> dict[str, Any]:
        """See `Objective`."""
        return self._bank.state()

    def restore(self, state: dict[str, Any]) -> None:
        """See `Objective`."""
        self._bank.restore(state)
