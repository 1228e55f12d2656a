"""The boring rule: every teacher counts the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from array_api_compat import array_namespace

from tasks.fusion.base import Draws, RuleSettings, normalise, stack
from tasks.maths.uncertainty import Array


class EqualRule(RuleSettings):
    """`fuse: {kind: equal}`."""

    kind: Literal["equal"] = "equal"

    min_draws: ClassVar[int] = 1

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedEqual:
        """Nothing is learned from the corpus."""
        return FittedEqual()


class FittedEqual:
    def weights(self, draws: Sequence[Draws]) -> Array:
        """1 / T for each teacher that answered, shape (N, T)."""
        usable_NT = stack([teacher.enough_N(1) for teacher in draws])
        xp = array_namespace(usable_NT)
        return normalise(xp.astype(usable_NT, draws[0].probs_NKC.dtype), usable_NT)
