"""Fuse where the teachers say much the same; where they part, take the one that contradicts itself least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace
from pydantic import Field

from tasks.fusion.base import Draws, RuleSettings, normalise, stack
from tasks.fusion.mutual_information import FittedMutualInformation
from tasks.maths.distributions import kl_divergence
from tasks.maths.uncertainty import Array, mean_draw, mutual_information

_TIE = 1e-6  # nats: MIs that differ by rounding alone are the same


class KLGatedRule(RuleSettings):
    """`fuse: {kind: kl_gated}`. The paper's ablation: it found it worse than no gate."""

    kind: Literal["kl_gated"] = "kl_gated"
    threshold: float | None = Field(default=None, ge=0)  # nats; None: the median over the clips
    reference: str = "classifier"  # the teacher from which the others' divergence is measured

    min_draws: ClassVar[int] = 2

    def named_teachers(self) -> dict[str, str]:
        """The one that divergence is measured from."""
        return {"reference": self.reference}

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedKLGated:
        """Without a threshold, finds the median divergence: half of the clips are then fused."""
        if self.reference not in teachers:
            raise ValueError(f'no teacher "{self.reference}" to measure from; the teachers are {", ".join(teachers)}')
        place = list(teachers).index(self.reference)
        if self.threshold is not None:
            return FittedKLGated(place, self.threshold)
        divergence_N = _divergence([teacher.in_numpy() for teacher in draws], place)
        known_N = ~np.isnan(divergence_N)
        return FittedKLGated(place, float(np.median(divergence_N[known_N])) if known_N.any() else np.inf)


@dataclass(frozen=True)
class FittedKLGated:
    reference: int
    threshold: float

    def weights(self, draws: Sequence[Draws]) -> Array:
        r"""One weight per clip and teacher, shape (N, T)::

            d_n = max_t KL( mean draw of the reference || mean draw of t )
            w_nt = as by mutual information            where d_n <= threshold
                   1 for the smallest MI, 0 elsewhere  where d_n > threshold; equal MIs share

        Section 4 of arXiv:2509.20706, for two teachers; the largest divergence is what we make of more. Only teachers
        with two valid draws count. Where the reference has not, or is alone, nothing is known of d and all that count
        are fused.

        Raises:
            ValueError: A teacher with one draw per clip, or draws that are no distributions.
        """
        fused_NT = FittedMutualInformation(temperature=1.0, bias_correction=False).weights(draws)
        xp = array_namespace(fused_NT)
        mi_NT = stack([mutual_information(teacher.probs_NKC, teacher.valid_NK) for teacher in draws])
        known_NT = ~xp.isnan(mi_NT)
        ranked_NT = xp.where(known_NT, mi_NT, xp.full_like(mi_NT, xp.inf))
        is_least_NT = (ranked_NT <= xp.min(ranked_NT, axis=1)[:, None] + _TIE) & known_NT
        least_NT = normalise(xp.astype(is_least_NT, mi_NT.dtype), is_least_NT)
        is_shut_N1 = (_divergence(draws, self.reference) > self.threshold)[:, None]  # NaN > threshold: not shut
        return xp.where(is_shut_N1, least_NT, fused_NT)


def _divergence(draws: Sequence[Draws], reference: int) -> Array:
    """The largest divergence of another teacher from the reference, shape (N,); NaN where there is none to measure."""
    mean_TNC = [mean_draw(teacher.probs_NKC, teacher.valid_NK) for teacher in draws]
    known_TN = [teacher.enough_N(KLGatedRule.min_draws) for teacher in draws]
    xp = array_namespace(mean_TNC[0])
    largest_N = xp.full_like(mean_TNC[0][:, 0], -xp.inf)
    for t, mean_NC in enumerate(mean_TNC):
        if t != reference:
            apart_N = kl_divergence(mean_TNC[reference], mean_NC)
            is_known_N = known_TN[reference] & known_TN[t]
            largest_N = xp.maximum(largest_N, xp.where(is_known_N, apart_N, xp.full_like(apart_N, -xp.inf)))
    return xp.where(largest_N >= 0, largest_N, xp.full_like(largest_N, xp.nan))
