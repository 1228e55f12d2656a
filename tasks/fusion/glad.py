"""Votes of workers of different ability on clips of different difficulty, both found without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from tasks.fusion.base import Draws
from tasks.fusion.votes import CrowdSettings, count_votes, where_voted
from tasks.maths.distributions import as_like, softmax
from tasks.maths.uncertainty import Array

_EASE_MEAN = 1.0  # crowd-kit's prior of a clip's log-ease: a Gaussian of variance 1
_REACH, _COARSE, _FINE = 6.0, 0.25, 0.01  # how far from that mean a clip's ease is looked for, and in which steps
_CHUNK_CLIPS = 20_000


class GLADRule(CrowdSettings):
    """`fuse: {kind: glad}`. crowd-kit needs about 10 ms per clip."""

    kind: Literal["glad"] = "glad"

    def fit(self, draws: Sequence[Draws], teachers: Sequence[str], seen_ND: Array | None = None) -> FittedGLAD:
        """The teachers' abilities, by expectation-maximisation: Whitehill et al. 2009 (NeurIPS), by crowd-kit."""
        votes = self.votes(draws, teachers)
        import pandas as pd
        from crowdkit.aggregation import GLAD

        n_classes = draws[0].probs_NKC.shape[-1]
        model: Any = GLAD(labels_priors=pd.Series(1 / n_classes, index=range(n_classes))).fit(votes)
        return FittedGLAD(model.alphas_.reindex(range(len(draws)), fill_value=0.0).to_numpy())


@dataclass(frozen=True)
class FittedGLAD:
    """
    Attributes:
        abilities_T: Of each teacher; 0 is chance, below 0 is worse.
    """

    abilities_T: NDArray[np.float64]

    def posterior(self, draws: Sequence[Draws], seen_ND: Array | None = None) -> Array:
        r"""P(the true class | all votes), all classes alike before::

            P(vote of t = truth) = a_nt = 1 / (1 + exp(-ability_t exp(ease_n)))
            P(another class)     = (1 - a_nt) / (C - 1)

        A clip's ease is the one that makes its votes, summed over the classes, and its Gaussian prior likeliest. So a
        clip needs no place in the corpus that was fitted: crowd-kit's own eases belong to the votes that it has seen.

        Returns:
            Shape (N, C). NaN where a clip has no vote.
        """
        counts_NTC = count_votes(draws)
        xp = array_namespace(counts_NTC)
        chunks = range(0, max(len(counts_NTC), 1), _CHUNK_CLIPS)
        return xp.concat([self._posterior(counts_NTC[at : at + _CHUNK_CLIPS]) for at in chunks], axis=0)

    def _posterior(self, counts_BTC: Array) -> Array:
        coarse_G = np.arange(-_REACH, _REACH + _COARSE / 2, _COARSE) + _EASE_MEAN
        fine_G = np.arange(-_COARSE, _COARSE + _FINE / 2, _FINE)
        ease_B1 = self._likeliest(counts_BTC, as_like(coarse_G, counts_BTC)[None, :])
        ease_B1 = self._likeliest(counts_BTC, ease_B1 + as_like(fine_G, counts_BTC))
        return where_voted(counts_BTC, softmax(self.log_likelihood(counts_BTC, ease_B1)[:, 0]))

    def _likeliest(self, counts_BTC: Array, ease_BG: Array) -> Array:
        """The best of the candidates for each clip, shape (B, 1)."""
        xp = array_namespace(counts_BTC)
        logs_BGC = self.log_likelihood(counts_BTC, ease_BG)
        top_BG = xp.max(logs_BGC, axis=-1)
        total_BG = top_BG + xp.log(xp.sum(xp.exp(logs_BGC - top_BG[..., None]), axis=-1))
        best_B = xp.argmax(total_BG - 0.5 * (ease_BG - _EASE_MEAN) ** 2, axis=-1)
        return xp.take_along_axis(xp.broadcast_to(ease_BG, total_BG.shape), best_B[:, None], axis=1)

    def log_likelihood(self, counts_BTC: Array, ease_BG: Array) -> Array:
        """log P(the votes | each true class, each candidate for the clip's ease), shape (B, G, C)."""
        xp = array_namespace(counts_BTC)
        votes_BT = xp.sum(counts_BTC, axis=-1)
        total_BGC = 0.0
        for t, ability in enumerate(self.abilities_T.tolist()):
            strength_BG1 = (ability * xp.exp(ease_BG))[..., None]
            right_B1C = counts_BTC[:, t][:, None]
            wrong_B1C = votes_BT[:, t][:, None, None] - right_B1C
            log_wrong_BG1 = _log_sigmoid(-strength_BG1) - np.log(counts_BTC.shape[-1] - 1)
            total_BGC = total_BGC + right_B1C * _log_sigmoid(strength_BG1) + wrong_B1C * log_wrong_BG1
        return total_BGC


def _log_sigmoid(x: Array) -> Array:
    xp = array_namespace(x)
    return xp.clip(x, max=0.0) - xp.log1p(xp.exp(-xp.abs(x)))
