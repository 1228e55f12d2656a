"""A generative model of the true label: what the teachers say, how far each can be trusted, where the clip lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from tasks.maths.class_places import ClassPlaces, PlaceSums
from tasks.maths.distributions import softmax
from tasks.maths.uncertainty import Array

FloatArray = NDArray[np.float64]

ITERATIONS = 12
# Of the views' product: they share mistakes, given the label, which a product takes for independent witnesses. A half
# is the one digit with the least surprise at gold over 32 scenes of three corpora; it changes no label.
CERTAINTY = 0.5
_FIRST_GUESSES = 2  # iterations before trust is measured: the classes must have found their places first
_CAUTION = 0.2  # nats that it costs to trust a teacher e times more or less than its word
_LEAST_TRUST, _MOST_TRUST = 0.05, 2.0
_STEP = 0.5  # of the way, on a logarithmic scale, that trust goes in one iteration


@dataclass(frozen=True)
class LabelModel:
    """Gaussian classes, and a power for each teacher's word.

    Attributes:
        places: Where the classes lie.
        trust_T: 1: its word counts as it is; less: it was surer than the others' judgement bears out.
    """

    places: ClassPlaces
    trust_T: FloatArray

    def posterior(self, evidence_TNC: Sequence[Array], seen_ND: Array) -> Array:
        r"""What the true label is, given all views::

            log q_nc = CERTAINTY (sum_t trust_t evidence_tnc + place_nc) + const

        Args:
            evidence_TNC: What each teacher says, as logarithms of odds; NaN where it says nothing.
            seen_ND: The clips' places.

        Returns:
            Shape (N, C); NaN where no teacher says anything.
        """
        silent_N = _silent(evidence_TNC)
        total_NC = self.places.log_odds(seen_ND, like=evidence_TNC[0])
        for trust, evidence_NC in zip(self.trust_T.tolist(), evidence_TNC, strict=True):
            total_NC = total_NC + trust * _or_nothing(evidence_NC)
        total_NC[silent_N] = float("nan")
        return softmax(CERTAINTY * total_NC)


def fit_label_model(
    evidence_TNC: Sequence[FloatArray], seen_ND: NDArray[np.floating], start_NC: FloatArray
) -> LabelModel:
    r"""Expectation-maximisation without any label, from a first guess.

    E: q = `LabelModel.posterior` with a CERTAINTY of 1. M: where the classes lie, from q (`PlaceSums.classes`); and how
    far each teacher can be trusted, from what all *other* views say of the label, q_-t ∝ q / exp(trust_t evidence_t)::

        trust_t = argmin_b  - mean_n sum_c q_-t,nc log softmax(b evidence_tn)_c + 0.2 (log b)^2

    That is temperature scaling (Guo et al. 2017, arXiv:1706.04599) with the consensus of the others in the place of
    gold: a teacher whose sure answers the other teachers and the neighbourhood do not bear out is heard less. Nobody
    judges himself, and the second term says that without evidence a teacher's word counts as it is. EM: Dempster,
    Laird and Rubin 1977.

    Args:
        evidence_TNC: As in `LabelModel.posterior`.
        seen_ND: The clips' places.
        start_NC: The first q.
    """
    known_N = ~_silent(evidence_TNC)
    evidence_TNC = [evidence_NC[known_N] for evidence_NC in evidence_TNC]
    sums, q_NC = PlaceSums(seen_ND[known_N]), start_NC[known_N]
    trust_T = np.ones(len(evidence_TNC))
    for iteration in range(ITERATIONS):
        places = sums.classes(q_NC)
        place_NC = sums.log_odds(places)
        if iteration >= _FIRST_GUESSES and len(q_NC):
            trust_T = _trusted(evidence_TNC, place_NC, trust_T)
        q_NC = softmax(_total(evidence_TNC, place_NC, trust_T))
    return LabelModel(sums.classes(q_NC), trust_T)


def _trusted(evidence_TNC: Sequence[FloatArray], place_NC: FloatArray, trust_T: FloatArray) -> FloatArray:
    """A step towards what the others bear out, all from where they stand: their order does not matter."""
    moved_T = trust_T.copy()
    for t, evidence_NC in enumerate(evidence_TNC):
        others_T = np.where(np.arange(len(trust_T)) == t, 0, trust_T)
        speaks_N = ~np.isnan(evidence_NC[:, 0])
        if speaks_N.any():
            others_NC = softmax(_total(evidence_TNC, place_NC, others_T))
            borne_out = _borne_out(evidence_NC[speaks_N], others_NC[speaks_N])
            moved_T[t] = np.exp((1 - _STEP) * np.log(trust_T[t]) + _STEP * np.log(borne_out))
    return moved_T


def _borne_out(evidence_NC: FloatArray, others_NC: FloatArray) -> float:
    from scipy.optimize import minimize_scalar  # half a second, which those who only read settings need not wait

    def cost(log_trust: float) -> float:
        log_odds_NC = np.exp(log_trust) * evidence_NC
        surprise_N = np.log(np.exp(log_odds_NC - log_odds_NC.max(axis=1, keepdims=True)).sum(axis=1))
        surprise_N += log_odds_NC.max(axis=1) - (others_NC * log_odds_NC).sum(axis=1)
        return float(surprise_N.mean() + _CAUTION * log_trust**2)

    bounds = (np.log(_LEAST_TRUST), np.log(_MOST_TRUST))
    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded").x))


def _total(evidence_TNC: Sequence[FloatArray], place_NC: FloatArray, trust_T: FloatArray) -> FloatArray:
    total_NC = place_NC.copy()
    for trust, evidence_NC in zip(trust_T, evidence_TNC, strict=True):
        total_NC += trust * _or_nothing(evidence_NC)
    return total_NC


def _silent(evidence_TNC: Sequence[Array]) -> Array:
    """Clips of which no teacher says anything, shape (N,)."""
    silent_N = evidence_TNC[0][:, 0] != evidence_TNC[0][:, 0]
    for evidence_NC in evidence_TNC[1:]:
        silent_N = silent_N & (evidence_NC[:, 0] != evidence_NC[:, 0])
    return silent_N


def _or_nothing(evidence_NC: Array) -> Array:
    xp = array_namespace(evidence_NC)
    return xp.where(xp.isnan(evidence_NC), xp.zeros_like(evidence_NC), evidence_NC)
