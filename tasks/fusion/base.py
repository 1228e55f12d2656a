"""The promise that every fusion rule makes, and what all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from array_api_compat import array_namespace, to_device
from numpy.typing import NDArray

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

    def in_numpy(self) -> Draws:
        """The same in double precision, wherever it lay: what is fitted once over the corpus."""
        return Draws(as_numpy(self.probs_NKC), np.asarray(to_device(self.valid_NK, "cpu")))


@dataclass(frozen=True)
class Fused:
    """What a fitted rule makes of N clips.

    Attributes:
        probs_NC: The pseudo-labels; NaN where a clip gets none.
        weights_NT: What each teacher counted, as `Weighs.weights` says. NaN where the rule has no weights.
    """

    probs_NC: Array
    weights_NT: Array

    def only(self, keep_N: Array) -> Fused:
        """Without the labels and weights of the other clips."""
        xp = array_namespace(self.probs_NC)
        weights_NT = xp.where(keep_N[:, None], self.weights_NT, xp.zeros_like(self.weights_NT))
        probs_NC = xp.where(keep_N[:, None], self.probs_NC, xp.full_like(self.probs_NC, xp.nan))
        return Fused(probs_NC, weights_NT)


@runtime_checkable
class Weighs(Protocol):
    """A fitted rule of weights, ready for any batch of clips; pure, and the same for NumPy and torch."""

    def weights(self, draws: Sequence[Draws]) -> Array:
        """One weight per clip and teacher, shape (N, T).

        A clip's weights sum to 1 over the teachers that have enough draws; the others' are 0, and all are 0 where
        no teacher has.
        """


@runtime_checkable
class Answers(Protocol):
    """A fitted rule that says the label itself, ready for any batch of clips; pure, the same for NumPy and torch."""

    def posterior(self, draws: Sequence[Draws], seen_ND: Array | None = None) -> Array:
        """One distribution per clip, shape (N, C); NaN where no teacher has enough draws.

        Args:
            draws: Of each teacher, in the order in which the rule was fitted.
            seen_ND: What the encoder makes of each clip, for rules whose settings say `sees`.
        """


FittedRule = Weighs | Answers


class RuleSettings(Settings):
    """What every rule is asked in `pipelines.yaml`. Below it, each rule adds `fit` and `min_draws`."""

    incomplete: Literal["fuse_the_rest", "leave_out"] = "fuse_the_rest"  # a clip that a teacher cannot weigh in on

    sees: ClassVar[bool] = False  # whether `fit` and `posterior` want seen_ND (`tasks/encoders/embedding.py`)

    def counts(self, teacher: str) -> bool:
        """Whether the rule listens to this teacher at all."""
        return True

    def check_installed(self) -> None:
        """Raises SettingsError where the rule needs a package that is not there."""

    def named_teachers(self) -> dict[str, str]:
        """Settings of the rule that name a teacher, and the names: they must be among the pipeline's."""
        return {}


def fused_by(fitted: FittedRule, draws: Sequence[Draws], seen_ND: Array | None = None) -> Fused:
    """The labels of a batch by any fitted rule: the weighted mean of the mean draws, or what the rule itself answers.

    Args:
        fitted: What the rule's `fit` gave.
        draws: Of each teacher, in the order in which the rule was fitted.
        seen_ND: What the encoder makes of each clip, for rules whose settings say `sees`.
    """
    xp = array_namespace(draws[0].probs_NKC)
    if isinstance(fitted, Answers):
        probs_NC = fitted.posterior(draws, seen_ND)
        unknown_NT = xp.full_like(probs_NC[:, :1], xp.nan)
        shape = (probs_NC.shape[0], len(draws))
        weights_NT = fitted.weights(draws) if isinstance(fitted, Weighs) else xp.broadcast_to(unknown_NT, shape)
        return Fused(probs_NC, weights_NT)
    weights_NT = fitted.weights(draws)
    return Fused(fuse(weights_NT, draws), weights_NT)


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


def as_numpy(values: Array) -> NDArray[np.float64]:
    """In double precision and on the CPU."""
    return np.asarray(to_device(values, "cpu"), dtype=np.float64)
