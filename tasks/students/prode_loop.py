"""What ProDe minimises; settings are in `prode.py`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy

from tasks.encoders.base import Frames
from tasks.maths.distributions import floored
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.kept_word import kept_means
from tasks.students.losses import diversity
from tasks.students.objective import Moment

if TYPE_CHECKING:
    from tasks.students.prode import ProDeSettings

_SYNCHRONY, _NAMED = 1.3, 0.4  # the authors' settings for Office-Home


class ProDeObjective:
    r"""The student and the denoised black box say the same, surely, evenly spread::

        q = softmax( log p_LM + ω (l_student - p_source) )
        L = -1.3 I(p; q) + 0.4 CE(argmax q, p) - H( mean p )

    Tang et al. 2025 (arXiv:2406.01658), as in the authors' code, where probabilities of the source are subtracted from
    logits of the student. The paper writes logits of both; with these, ω = 1 and a black box that does not move, the
    student runs away toward the largest p_LM / p_source (`docs/baselines.md`). Left out is prompt learning, which a
    paid teacher does not allow. p_LM is the mean draw of the other teachers with a floor (`tasks.maths.distributions`):
    a class that was never named has no logarithm. Student and source speak without dropout. Of a clip that no other
    teacher answered, the source's probabilities stand in the place of p_LM.
    """

    def __init__(self, settings: ProDeSettings, head: Head, data: TrainingData) -> None:
        self._settings, self._head = settings, head
        self._source = copy.deepcopy(head).requires_grad_(False)
        self._kept_NC = kept_means(data, settings.kind).nanmean(dim=0)
        self._target_BC: torch.Tensor | None = None

    def begin(self, step: int, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        """The denoised labels of this step."""
        source_BC, kept_BC = self._source(heard).softmax(dim=-1), self._kept_NC[rows_B]
        word_BC = floored(torch.where(kept_BC.isnan(), source_BC, kept_BC)).log()
        drift_BC = self._head(heard).log_softmax(dim=-1) - source_BC
        self._target_BC = (word_BC + self._settings.omega * drift_BC).softmax(dim=-1)

    def parts(self, at: Moment) -> dict[str, torch.Tensor]:
        """See `Objective`."""
        assert self._target_BC is not None
        return {
            "sync": -_SYNCHRONY * shared_information(at.logits_BC.softmax(dim=-1), self._target_BC),
            "ce": _NAMED * cross_entropy(at.logits_BC, self._target_BC.argmax(dim=-1)),
            "div": diversity(at.logits_BC),
        }

    def learned(self) -> None:
        """The source stays as it is."""

    def target_BC(self) -> torch.Tensor | None:
        """See `Objective`."""
        return self._target_BC

    def teacher_BC(self) -> torch.Tensor | None:
        """No teacher moves."""
        return None

    def state(self) -> dict[str, Any]:
        """Nothing: the source is the classifier that every run starts from."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Objective`."""


def shared_information(p_BC: torch.Tensor, q_BC: torch.Tensor) -> torch.Tensor:
    r"""How much two predictions of the same clips tell about each other, over the batch::

        J = mean_b of p_b q_b^T, made symmetric;    I = sum_cd J_cd log( J_cd / (J_c. J_.d) )

    Ji et al. 2019 (arXiv:1807.06653), equation 3.

    Args:
        p_BC: Class probabilities, shape (B, C).
        q_BC: The same clips' probabilities by another, shape (B, C).

    Returns:
        A scalar in nats, within [0, log C]: log C where both are sure, agree, and name all classes equally often.

    >>> shared_information(torch.eye(2), torch.eye(2)).item()  # log 2
    0.6931471824645996
    """
    joint_CC = p_BC.T @ q_BC / len(p_BC)
    joint_CC = ((joint_CC + joint_CC.T) / 2).clamp(min=1e-12)
    of_one_C = joint_CC.sum(dim=0)
    return (joint_CC * (joint_CC.log() - of_one_C.log()[:, None] - of_one_C.log())).sum()
