"""Whom the label model trusts, on made-up teachers of whom it is known how far they can be trusted."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import special

from tasks.maths.label_model import fit_label_model


def some_truth(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, n)


def calibrated(truth_N: np.ndarray, seed: int, doubt: float = 0.3) -> np.ndarray:
    """The word of a teacher that is right just as often as it says: given the truth k, Dirichlet(doubt + e_k)."""
    rng = np.random.default_rng(seed)
    probs_NC = np.maximum([rng.dirichlet(doubt + np.eye(4)[k]) for k in truth_N], 0.01)
    return np.log(probs_NC / probs_NC.sum(axis=1, keepdims=True))


def sure_at_random(n: int, seed: int) -> np.ndarray:
    """The word of a teacher that gives .97 to whatever comes to its mind."""
    named_N = some_truth(n, seed)
    return np.log(np.where(np.eye(4)[named_N] > 0, 0.97, 0.01))


def clusters(truth_N: np.ndarray, apart: float) -> np.ndarray:
    """Each class somewhere else, with deviations of 1 about it, among 8 dimensions."""
    return apart * np.eye(4, 8)[truth_N] + np.random.default_rng(9).normal(size=(len(truth_N), 8))


def guess(evidence: Sequence[np.ndarray]) -> np.ndarray:
    return np.mean([special.softmax(said, axis=1) for said in evidence], axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_who_is_sure_at_random_is_hardly_heard_and_lowers_nothing(seed: int) -> None:
    """Caution keeps it from being heard not at all: 0.2 (log .31)^2 are .27 nats a clip already."""
    truth_N = some_truth(400, seed)
    good_NC, seen_ND = calibrated(truth_N, seed + 10, doubt=0.1), clusters(truth_N, 5)
    evidence = [good_NC, sure_at_random(400, seed + 20)]
    model = fit_label_model(evidence, seen_ND, guess(evidence))
    assert model.trust_T[1] < 0.33
    assert model.trust_T[0] > 0.7
    right = (model.posterior(evidence, seen_ND).argmax(axis=1) == truth_N).mean()
    assert right > (good_NC.argmax(axis=1) == truth_N).mean() + 0.05
    assert right > (sum(evidence).argmax(axis=1) == truth_N).mean() + 0.3


@pytest.mark.parametrize("seed", range(3))
def test_who_is_right_as_often_as_it_says_is_heard_as_it_speaks(seed: int) -> None:
    truth_N = some_truth(400, seed)
    evidence = [calibrated(truth_N, seed + 10), calibrated(truth_N, seed + 20, doubt=0.6)]
    trust_T = fit_label_model(evidence, clusters(truth_N, 4), guess(evidence)).trust_T
    np.testing.assert_allclose(trust_T, 1, atol=0.15)


@pytest.mark.parametrize("seed", range(3))
def test_places_that_say_nothing_of_the_classes_change_hardly_any_label(seed: int) -> None:
    truth_N = some_truth(400, seed)
    evidence, noise_ND = [calibrated(truth_N, seed + 10), calibrated(truth_N, seed + 20)], clusters(truth_N, 0)
    posterior_NC = fit_label_model(evidence, noise_ND, guess(evidence)).posterior(evidence, noise_ND)
    by_teachers_N = sum(evidence).argmax(axis=1)
    assert (posterior_NC.argmax(axis=1) == by_teachers_N).mean() > 0.94
    right, alone = ((named_N == truth_N).mean() for named_N in (posterior_NC.argmax(axis=1), by_teachers_N))
    assert right > alone - 0.02


@pytest.mark.parametrize("seed", range(3))
def test_places_that_tell_the_classes_apart_correct_the_teachers(seed: int) -> None:
    truth_N = some_truth(400, seed)
    evidence, seen_ND = [calibrated(truth_N, seed + 10), calibrated(truth_N, seed + 20)], clusters(truth_N, 4)
    posterior_NC = fit_label_model(evidence, seen_ND, guess(evidence)).posterior(evidence, seen_ND)
    by_teachers = (sum(evidence).argmax(axis=1) == truth_N).mean()
    assert (posterior_NC.argmax(axis=1) == truth_N).mean() > by_teachers + 0.08
