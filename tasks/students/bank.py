"""What the student last made of each clip, and which clips are near each other: shared by NRC and AaD."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import normalize

from tasks.contracts.errors import TrainingError
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.corpus_pass import pass_over_all
from tasks.students.objective import Moment


class Bank:
    """Features of length 1 and predictions of all clips; those of a batch are renewed in passing."""

    def __init__(self, head: Head, data: TrainingData, batch_size: int) -> None:
        self._head, self._data, self._batch_size = head, data, batch_size
        self._features_NH: torch.Tensor | None = None
        self._probs_NC: torch.Tensor | None = None

    @property
    def probs_NC(self) -> torch.Tensor:
        """The newest prediction of each clip."""
        assert self._probs_NC is not None
        return self._probs_NC

    def fill(self) -> None:
        """Once, before the first step."""
        if self._features_NH is None:
            hidden_NH, logits_NC = pass_over_all(self._head, self._data, self._batch_size, step=0)
            self._features_NH, self._probs_NC = normalize(hidden_NH, dim=-1), logits_NC.softmax(dim=-1)

    @torch.no_grad()
    def renew(self, at: Moment) -> None:
        """The batch's rows, from the student's own pass (with dropout), as the authors do."""
        assert self._features_NH is not None
        self._features_NH[at.rows_B] = normalize(at.hidden_BH, dim=-1)
        self.probs_NC[at.rows_B] = at.logits_BC.softmax(dim=-1)

    def nearest(self, rows_B: torch.Tensor, k: int) -> torch.Tensor:
        """The K clips nearest to each of these in cosine, without itself, shape (B, K); nearest first."""
        assert self._features_NH is not None
        cosines_BN = self._features_NH[rows_B] @ self._features_NH.T
        cosines_BN[torch.arange(len(rows_B)), rows_B] = -torch.inf
        return cosines_BN.topk(k, dim=-1).indices

    def state(self) -> dict[str, Any]:
        """Everything, as tensors."""
        return {"features": self._features_NH, "probs": self._probs_NC}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self._features_NH, self._probs_NC = state["features"], state["probs"]


def check_neighbours(data: TrainingData, k: int, setting: str) -> None:
    """Raises TrainingError where a clip has fewer than K others."""
    if len(data) <= k:
        raise TrainingError(
            f"{len(data)} clips have a pseudo-label, so that each has {len(data) - 1} neighbours; student.{setting} is "
            f"{k}. Lower it, or add clips."
        )
