"""The clips' own features as a third view: clips that lie together and that teachers name alike share a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace, to_device

from tasks.fusion.base import Draws, RuleSettings, fuse, normalise, stack
from tasks.fusion.equal import FittedEqual
from tasks.maths.distributions import as_like, floored
from tasks.maths.label_model import LabelModel, fit_label_model
from tasks.maths.uncertainty import Array, mean_draw, mutual_information


class GenerativeRule(RuleSettings):
    """`fuse: {kind: generative}`."""

    kind: Literal["generative"] = "generative"

    min_draws: ClassVar[int] = 2
    sees: ClassVar[bool] = True

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedGenerative:
        """Finds where the classes lie and whom to trust, from the plain mean of the teachers on."""
        here = [teacher.in_numpy() for teacher in draws]
        start_NC = floored(fuse(FittedEqual().weights(here), here))
        places_ND = np.asarray(to_device(_given(seen_ND), "cpu"))
        return FittedGenerative(fit_label_model([evidence(teacher) for teacher in here], places_ND, start_NC))


@dataclass(frozen=True)
class FittedGenerative:
    model: LabelModel

    def posterior(self, draws: Sequence[Draws], seen_ND: Array | None = None) -> Array:
        """What the label is, given the draws and the clip's place: see `LabelModel.posterior`."""
        return self.model.posterior([evidence(teacher) for teacher in draws], _given(seen_ND))

    def weights(self, draws: Sequence[Draws]) -> Array:
        r"""How loud each teacher is heard beside the others, ``w_nt ∝ trust_t exp(-MI_nt)``, shape (N, T).

        The clip's place speaks as well, and has no weight.
        """
        mi_NT = stack([mutual_information(teacher.probs_NKC, teacher.valid_NK) for teacher in draws])
        xp = array_namespace(mi_NT)
        known_NT = ~xp.isnan(mi_NT)
        loud_NT = xp.exp(-xp.where(known_NT, mi_NT, xp.zeros_like(mi_NT))) * as_like(self.model.trust_T, mi_NT)
        return normalise(loud_NT, known_NT)


def evidence(teacher: Draws) -> Array:
    r"""What a teacher says of each clip, as logarithms of odds, quieter where its draws contradict each other::

        evidence_nc = exp(-MI_n) log floored(mean_k p_nk)_c

    exp(-MI) is the weight of arXiv:2509.20706 before it is normalised over the teachers. Contradicting draws also
    spread their mean.

    Returns:
        Shape (N, C). NaN where fewer than two draws are valid.
    """
    mi_N = mutual_information(teacher.probs_NKC, teacher.valid_NK)
    xp = array_namespace(mi_N)
    return xp.exp(-mi_N)[:, None] * xp.log(floored(mean_draw(teacher.probs_NKC, teacher.valid_NK)))


def _given(seen_ND: Array | None) -> Array:
    if seen_ND is None:
        raise ValueError("the rule generative looks at the clips: seen_ND is needed, got None")
    return seen_ND
