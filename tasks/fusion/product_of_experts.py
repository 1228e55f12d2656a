"""The weighted geometric mean: a class needs the word of every teacher, not of one alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from array_api_compat import array_namespace

from tasks.fusion.base import Draws, RuleSettings
from tasks.fusion.equal import FittedEqual
from tasks.fusion.mutual_information import FittedMutualInformation
from tasks.maths.distributions import floored, softmax
from tasks.maths.uncertainty import Array, mean_draw


class ProductOfExpertsRule(RuleSettings):
    """`fuse: {kind: product_of_experts}`."""

    kind: Literal["product_of_experts"] = "product_of_experts"
    weights: Literal["mutual_information", "equal"] = "mutual_information"

    @property
    def min_draws(self) -> int:
        """As the rule that gives the weights."""
        return 2 if self.weights == "mutual_information" else 1

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedProduct:
        """Nothing is learned from the corpus."""
        if self.weights == "equal":
            return FittedProduct(FittedEqual())
        return FittedProduct(FittedMutualInformation(temperature=1.0, bias_correction=False))


@dataclass(frozen=True)
class FittedProduct:
    """It weighs as another rule does, but answers itself: the mean is not the arithmetic one."""

    weighing: FittedMutualInformation | FittedEqual

    def weights(self, draws: Sequence[Draws]) -> Array:
        """The exponents, shape (N, T)."""
        return self.weighing.weights(draws)

    def posterior(self, draws: Sequence[Draws], seen_ND: Array | None = None) -> Array:
        r"""The normalised geometric mean of the teachers' mean draws::

            p_nc ∝ prod_t floored(mean_k p_ntk)_c ^ w_nt

        Hinton 2002 (doi:10.1162/089976602760128018), as a logarithmic opinion pool (Genest and Zidek 1986). Each mean
        is floored (see `tasks.maths.distributions.floored`): a zero would be a veto.

        Returns:
            Shape (N, C). NaN where no teacher has enough draws.
        """
        weights_NT = self.weights(draws)
        xp = array_namespace(weights_NT)
        logs_NC = 0.0
        for t, teacher in enumerate(draws):
            weight_N1 = weights_NT[:, t, None]
            log_NC = xp.log(floored(mean_draw(teacher.probs_NKC, teacher.valid_NK)))
            logs_NC = logs_NC + xp.where(weight_N1 > 0, weight_N1 * log_NC, xp.zeros_like(log_NC))
        labelled_N1 = xp.any(weights_NT > 0, axis=1)[:, None]
        return softmax(xp.where(labelled_N1, logs_NC, xp.full_like(logs_NC, xp.nan)))
