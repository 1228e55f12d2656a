"""The paper's rule: trust a teacher less where its draws contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from array_api_compat import array_namespace
from pydantic import Field

from tasks.fusion.base import Draws, RuleSettings, normalise, stack
from tasks.maths.uncertainty import Array, mutual_information


class MutualInformationRule(RuleSettings):
    """`fuse: {kind: mutual_information}`."""

    kind: Literal["mutual_information"] = "mutual_information"
    temperature: float = Field(default=1.0, gt=0)  # the paper's is 1; smaller makes the weights sharper
    bias_correction: bool = False  # multiply MI by K / (K - 1): the plug-in estimate is low, more so for few draws

    min_draws: ClassVar[int] = 2

    def fit(
        self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None
    ) -> FittedMutualInformation:
        """Nothing is learned from the corpus."""
        return FittedMutualInformation(self.temperature, self.bias_correction)


@dataclass(frozen=True)
class FittedMutualInformation:
    temperature: float
    bias_correction: bool

    def weights(self, draws: Sequence[Draws]) -> Array:
        r"""One weight per clip and teacher::

            w_nt = exp(-MI_nt / temperature) / sum_t' exp(-MI_nt' / temperature)

        Section 3 of arXiv:2509.20706; temperature and bias correction are ours.

        Returns:
            Shape (N, T). With C = 4, temperature 1 and two teachers each weight lies within [0.2, 0.8].

        Raises:
            ValueError: A teacher with one draw per clip, or draws that are no distributions.
        """
        mi_NT = stack([self._mi(teacher) for teacher in draws])
        xp = array_namespace(mi_NT)
        known_NT = ~xp.isnan(mi_NT)
        least_N1 = xp.min(xp.where(known_NT, mi_NT, xp.full_like(mi_NT, xp.inf)), axis=1)[:, None]
        excess_NT = xp.where(known_NT, mi_NT - least_N1, xp.zeros_like(mi_NT))  # so that exp never gives 0 for all
        score_NT = xp.exp(-excess_NT / self.temperature)
        return normalise(score_NT, known_NT)

    def _mi(self, teacher: Draws) -> Array:
        mi_N = mutual_information(teacher.probs_NKC, teacher.valid_NK)
        if not self.bias_correction:
            return mi_N
        xp = array_namespace(mi_N)
        count_N = xp.sum(xp.astype(teacher.valid_NK, mi_N.dtype), axis=1)
        return mi_N * count_N / xp.clip(count_N - 1, min=1)
