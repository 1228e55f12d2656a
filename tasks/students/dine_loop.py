"""What DINE minimises with two teachers; settings are in `dine.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import kl_div

from tasks.encoders.base import Frames
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.certainty import mean_entropy
from tasks.students.chance import FIRST_FREE_STREAM
from tasks.students.corpus_pass import pass_over_all
from tasks.students.kept_word import kept_means
from tasks.students.losses import diversity
from tasks.students.objective import Moment

if TYPE_CHECKING:
    from tasks.students.dine import DINESettings

_KEPT = 0.6  # share of the old labels at a renewal
_MIX = 0.3  # both parameters of MixUp's Beta distribution
_MIXING = FIRST_FREE_STREAM


class DINEObjective:
    r"""Distillation of the softened mean of all teachers, information maximisation, MixUp::

        L = KL(P || p) + E[ H(p) ] - H( mean p ) + KL( λ p_i + (1 - λ) p_j || p(λ x_i + (1 - λ) x_j) )

    with λ from Beta(0.3, 0.3); every T / 10 steps P becomes 0.6 P + 0.4 p. Liang et al. 2022 (arXiv:2104.01539),
    equations 2 to 8. Where theirs starts from a network that never saw the source, this student starts from the
    classifier. MixUp is of the pooled features where pooling is a mean, so that it is of the input as in the paper,
    and of what the last layer hears where the frames are attended to: frames of two clips have no common time.
    Their last phase, information maximisation alone, is left out.
    """

    def __init__(self, settings: DINESettings, head: Head, data: TrainingData) -> None:
        self._settings, self._head, self._data = settings, head, data
        self._kept_TNC = kept_means(data, settings.kind)
        self._labels_NC: torch.Tensor | None = None
        self._target_BC: torch.Tensor | None = None

    def begin(self, step: int, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        """The labels: the teachers' at first, renewed every T / 10 steps."""
        if self._labels_NC is None:
            self._labels_NC = softened(mean_of_teachers(self._said(step), self._kept_TNC))
        elif step % self._settings.renewed_every == 0:
            self._labels_NC = _KEPT * self._labels_NC + (1 - _KEPT) * self._said(step)
        self._target_BC = self._labels_NC[rows_B]

    def _said(self, step: int) -> torch.Tensor:
        return pass_over_all(self._head, self._data, self._settings.batch_size, step)[1].softmax(dim=-1)

    def parts(self, at: Moment) -> dict[str, torch.Tensor]:
        """See `Objective`."""
        assert self._target_BC is not None
        return {
            "kl": _kl(self._target_BC, at.logits_BC),
            "entropy": mean_entropy(at.logits_BC),
            "div": diversity(at.logits_BC),
            "mix": self._mixup(at),
        }

    def _mixup(self, at: Moment) -> torch.Tensor:
        """Of the mixed clips the mixed predictions are wanted; without dropout, which the authors' network has not."""
        chance = np.random.default_rng([self._settings.seed, _MIXING, at.step])
        share = float(chance.beta(_MIX, _MIX))
        order_B = torch.from_numpy(chance.permutation(len(at.rows_B)))

        def mix(rows: torch.Tensor) -> torch.Tensor:
            return share * rows + (1 - share) * rows[order_B]

        if self._head.pooling is None:
            logits_BC = self._head(Frames.of_means(mix(at.heard.means_BLD())))
        else:
            logits_BC = self._head.logits(mix(at.hidden_BH))
        return _kl(mix(at.logits_BC.detach().softmax(dim=-1)), logits_BC)

    def learned(self) -> None:
        """The student is looked at every T / 10 steps only."""

    def target_BC(self) -> torch.Tensor | None:
        """See `Objective`."""
        return self._target_BC

    def teacher_BC(self) -> torch.Tensor | None:
        """No teacher moves."""
        return None

    def state(self) -> dict[str, Any]:
        """See `Objective`."""
        return {"labels": self._labels_NC}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Objective`."""
        self._labels_NC = state["labels"]


def mean_of_teachers(classifier_NC: torch.Tensor, kept_TNC: torch.Tensor) -> torch.Tensor:
    """The plain mean of those teachers who said something, shape (N, C); the classifier always does."""
    return torch.cat([classifier_NC[None], kept_TNC]).nanmean(dim=0)


def softened(probs_NC: torch.Tensor) -> torch.Tensor:
    """Keeps the largest probability and spreads the rest evenly over the other classes, shape (N, C).

    >>> softened(torch.tensor([[0.5, 0.375, 0.125]])).tolist()
    [[0.5, 0.25, 0.25]]
    """
    top_N1, named_N1 = probs_NC.max(dim=-1, keepdim=True)
    rest_N1 = (1 - top_N1) / (probs_NC.shape[-1] - 1)
    return rest_N1.expand_as(probs_NC).scatter(-1, named_N1, top_N1)


def _kl(target_BC: torch.Tensor, logits_BC: torch.Tensor) -> torch.Tensor:
    return kl_div(logits_BC.log_softmax(dim=-1), target_BC, reduction="batchmean")
