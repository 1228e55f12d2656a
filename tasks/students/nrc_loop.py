"""What NRC minimises; settings are in `nrc.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tasks.encoders.base import Frames
from tasks.networks.head import Head
from tasks.students.bank import Bank, check_neighbours
from tasks.students.base import TrainingData
from tasks.students.losses import diversity
from tasks.students.objective import Moment

if TYPE_CHECKING:
    from tasks.students.nrc import NRCSettings

_AFFINITY = 0.1  # of a neighbour who has others nearer, and of neighbours' neighbours; 1 where both choose each other


class NRCObjective:
    r"""Predictions like those of the neighbours, evenly spread over the classes::

        L = - E[ sum_k A_k s_k · p ] - E[ sum_k sum_m 0.1 s_km · p ] - H( mean p )

    s_k is the newest prediction of the k-th neighbour, s_km that of its m-th; A_k is 1 where the clip is among the
    M neighbours of its k-th, else 0.1. Yang et al. 2021 (arXiv:2110.04202), equations 3 to 8. As in the authors' code
    the paper's term for the clip itself is the part of the second sum that leads back to it. Features are what the
    head's last layer hears.
    """

    def __init__(self, settings: NRCSettings, head: Head, data: TrainingData) -> None:
        check_neighbours(data, settings.neighbours, "neighbours")
        check_neighbours(data, settings.expanded, "expanded")
        self._settings = settings
        self._bank = Bank(head, data, settings.batch_size)

    def begin(self, step: int, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        """The bank is filled once."""
        self._bank.fill()

    def parts(self, at: Moment) -> dict[str, torch.Tensor]:
        """See `Objective`."""
        self._bank.renew(at)
        near_BC, expanded_BC = self._pull(at.rows_B)
        probs_BC = at.logits_BC.softmax(dim=-1)
        return {
            "near": -(near_BC * probs_BC).sum(dim=-1).mean(),
            "expanded": -(expanded_BC * probs_BC).sum(dim=-1).mean(),
            "div": diversity(at.logits_BC),
        }

    @torch.no_grad()
    def _pull(self, rows_B: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The weighted sums of the neighbours' predictions, and of the neighbours' neighbours'."""
        near_BK = self._bank.nearest(rows_B, self._settings.neighbours)
        expanded_BKM = self._bank.nearest(near_BK.flatten(), self._settings.expanded).unflatten(0, near_BK.shape)
        mutual_BK = (expanded_BKM == rows_B[:, None, None]).any(dim=-1)
        affinity_BK = torch.where(mutual_BK, 1.0, _AFFINITY)
        near_BC = (affinity_BK[..., None] * self._bank.probs_NC[near_BK]).sum(dim=1)
        return near_BC, _AFFINITY * self._bank.probs_NC[expanded_BKM].sum(dim=(1, 2))

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
