"""Trust a teacher less where its mean draw is spread out, whether its draws agree or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from array_api_compat import array_namespace

from tasks.fusion.base import Draws, RuleSettings, normalise, stack
from tasks.maths.uncertainty import Array, entropy, mean_draw


class EntropyRule(RuleSettings):
    """`fuse: {kind: entropy}`."""

    kind: Literal["entropy"] = "entropy"

    min_draws: ClassVar[int] = 1

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedEntropy:
        """Nothing is learned from the corpus."""
        return FittedEntropy()


class FittedEntropy:
    def weights(self, draws: Sequence[Draws]) -> Array:
        r"""One weight per clip and teacher, ``w_nt ∝ exp(-H[mean_k p_ntk])``, shape (N, T).

        The comparison of arXiv:2509.20706; PLUE (CVPR 2023) weighs samples by a relative of it.
        """
        usable_NT = stack([teacher.enough_N(1) for teacher in draws])
        mean_NTC = [mean_draw(teacher.probs_NKC, teacher.valid_NK) for teacher in draws]
        entropy_NT = stack([entropy(mean_NC) for mean_NC in mean_NTC])
        xp = array_namespace(entropy_NT)
        score_NT = xp.exp(-xp.where(usable_NT, entropy_NT, xp.zeros_like(entropy_NT)))
        return normalise(score_NT, usable_NT)
