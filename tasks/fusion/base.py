"""The promise that every fusion rule makes, and what all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from array_api_compat import array_namespace

from tasks.contracts.settings import Settings
from tasks.maths.uncertainty import Array, mean_draw


@dataclass(frozen=True)
class Draws:
    """What one teacher said of N clips, K times each. Draws that are not valid hold zeros."""

    probs_NKC: Array
    valid_NK: Array

    def enough_N(self, least: int) -> Array:
        """Which clips have at least `least` valid draws."""
        xp = array_namespace(self.probs_NKC)
        return xp.sum(xp.astype(self.valid_NK, xp.int64), axis=1) >= least


class FittedRule(Protocol):
    """Ready for any batch of clips; pure, and the same for NumPy and torch."""

    def weights(self, draws: Sequence[Draws]) -> Array:
        """One weight per clip and teacher, shape (N, T).

        A clip's weights sum to 1 over the teachers that have enough draws; the others' are 0, and all are 0 where
        no teacher has.
        """


class RuleSettings(Settings):
    """What every rule is asked in `pipelines.yaml`. Below it, each rule adds `fit`."""

    incomplete: Literal["fuse_the_rest", "leave_out"] = "fuse_the_rest"  # a clip that a teacher cannot weigh in on

    def counts(self, teacher: str) -> bool:
        """Whether the rule listens to this teacher at all."""
        return True


def fuse(weights_NT: Array, draws: Sequence[Draws]) -> Array:
    """The weighted mean of the teachers' mean draws: equation 5 of `docs/method.md`.

    Returns:
        Shape (N, C). NaN where all weights are 0.
    """
    xp = array_namespace(weights_NT)
    fused_NC = 0.0
    for t, teacher in enumerate(draws):
        mean_NC = mean_draw(teacher.probs_NKC, teacher.valid_NK)
        weight_N1 = weights_NT[:, t, None]
        fused_NC = fused_NC + xp.where(weight_N1 > 0, weight_N1 * mean_NC, xp.zeros_like(mean_NC))
    labelled_N1 = xp.any(weights_NT > 0, axis=1)[:, None]
    return xp.where(labelled_N1, fused_NC, xp.full_like(fused_NC, xp.nan))


def normalise(scores_NT: Array, usable_NT: Array) -> Array:
    """Scores ≥ 0 → weights: those that are not usable become 0, the rest sum to 1 per clip."""
    xp = array_namespace(scores_NT)
    kept_NT = xp.where(usable_NT, scores_NT, xp.zeros_like(scores_NT))
    total_N1 = xp.sum(kept_NT, axis=1)[:, None]
    return kept_NT / xp.where(total_N1 > 0, total_N1, xp.ones_like(total_N1))


def stack(columns: Sequence[Array]) -> Array:
    """One array of shape (N,) per teacher → shape (N, T)."""
    return array_namespace(columns[0]).stack(list(columns), axis=1)
