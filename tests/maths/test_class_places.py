"""Where classes lie: SciPy's densities, scikit-learn's shrinkage, and places that say little or nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf

from tasks.maths.class_places import TEMPER, PlaceSums
from tests.maths.gaussians import covariance_literally, log_densities, means_of


def labelled(n: int, c: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places away from the origin, their dimensions correlated, and soft labels that they have something to do with."""
    rng = np.random.default_rng(seed)
    truth_N = np.arange(n) % c
    seen_ND = rng.normal(size=(c, d))[truth_N] + rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 5.0
    return seen_ND, 0.7 * np.eye(c)[truth_N] + 0.3 * rng.dirichlet(np.ones(c), size=n)


def centred(log_odds_NC: np.ndarray) -> np.ndarray:
    """Without the constant of each clip, which is left open."""
    return log_odds_NC - log_odds_NC.mean(axis=1, keepdims=True)


@pytest.mark.parametrize(("n", "c", "d"), [(40, 3, 4), (60, 4, 2), (9, 2, 6), (200, 5, 8)])
def test_log_odds_are_those_of_tempered_densities(n: int, c: int, d: int) -> None:
    seen_ND, q_NC = labelled(n, c, d, seed=n)
    mu_CD = means_of(seen_ND, q_NC)
    literal_NC = TEMPER * log_densities(seen_ND, mu_CD, covariance_literally(seen_ND, q_NC, mu_CD))
    sums = PlaceSums(seen_ND)
    np.testing.assert_allclose(centred(sums.log_odds(sums.classes(q_NC))), centred(literal_NC), atol=1e-5)


@pytest.mark.parametrize("n", [12, 50, 400])
def test_with_hard_labels_the_covariance_is_ledoit_and_wolfs(n: int) -> None:
    """Theirs, as scikit-learn has it, of what is left when each clip's class mean is taken away."""
    seen_ND, soft_NC = labelled(n, 3, 5, seed=n)
    q_NC = np.eye(3)[soft_NC.argmax(axis=1)]
    mu_CD = means_of(seen_ND, q_NC)
    sigma_DD = LedoitWolf(assume_centered=True).fit(seen_ND - q_NC @ mu_CD).covariance_
    sums = PlaceSums(seen_ND)
    theirs_NC = TEMPER * log_densities(seen_ND, mu_CD, sigma_DD)
    np.testing.assert_allclose(centred(sums.log_odds(sums.classes(q_NC))), centred(theirs_NC), atol=1e-5)


def test_by_hand_in_one_dimension() -> None:
    """Means -1 and 1, variance 1/4: the untempered log-odds of the second class are 2 x / (1/4) = 8 x."""
    seen_ND = np.array([[-1.5], [-0.5], [0.5], [1.5]]) + 10
    sums = PlaceSums(seen_ND)
    log_odds_NC = sums.log_odds(sums.classes(np.repeat(np.eye(2), 2, axis=0)))
    assert (log_odds_NC[:, 1] - log_odds_NC[:, 0]) / TEMPER == pytest.approx([-12, -4, 4, 12])


def test_clips_beyond_one_chunk_count_like_all_others() -> None:
    """200,003 clips are three chunks."""
    seen_ND, q_NC = labelled(200_003, 2, 2, seed=0)
    mu_CD = means_of(seen_ND, q_NC)
    literal_NC = TEMPER * log_densities(seen_ND, mu_CD, covariance_literally(seen_ND, q_NC, mu_CD))
    sums = PlaceSums(seen_ND)
    np.testing.assert_allclose(centred(sums.log_odds(sums.classes(q_NC))), centred(literal_NC), atol=1e-5)


def test_new_clips_are_judged_like_those_that_were_summed() -> None:
    seen_ND, q_NC = labelled(40, 3, 4, seed=1)
    sums = PlaceSums(seen_ND)
    places = sums.classes(q_NC)
    np.testing.assert_allclose(places.log_odds(seen_ND[7:9], like=q_NC), sums.log_odds(places)[7:9])


def test_torch_gets_its_own_kind_back() -> None:
    seen_ND, q_NC = labelled(40, 3, 4, seed=1)
    places = PlaceSums(seen_ND).classes(q_NC)
    found_NC = places.log_odds(torch.from_numpy(seen_ND), like=torch.zeros(1, dtype=torch.float64))
    np.testing.assert_allclose(found_NC.numpy(), places.log_odds(seen_ND, like=q_NC))


@given(shift=st.floats(-1e3, 1e3), scale=st.floats(0.01, 100), seed=st.integers(0, 100))
def test_where_the_origin_is_and_how_long_a_unit_is_do_not_matter(shift: float, scale: float, seed: int) -> None:
    seen_ND, q_NC = labelled(20, 3, 3, seed)
    here, there = PlaceSums(seen_ND), PlaceSums(scale * seen_ND + shift)
    there_NC = there.log_odds(there.classes(q_NC))
    np.testing.assert_allclose(centred(there_NC), centred(here.log_odds(here.classes(q_NC))), atol=1e-4)


@given(place=st.floats(-1e6, 1e6), n=st.integers(1, 100))
def test_clips_that_all_lie_in_one_place_are_told_nothing(place: float, n: int) -> None:
    """Even where their mean, rounded, is not quite that place."""
    _, q_NC = labelled(n, 3, 2, seed=2)
    sums = PlaceSums(np.full((n, 2), place))
    np.testing.assert_allclose(centred(sums.log_odds(sums.classes(q_NC))), 0, atol=1e-6)


def test_a_class_that_nobody_names_lies_at_the_mean_of_all() -> None:
    seen_ND, q_NC = labelled(20, 2, 2, seed=3)
    sums = PlaceSums(seen_ND)
    places = sums.classes(np.column_stack([q_NC, np.zeros(20)]))
    assert places.slopes_DC[:, 2] == pytest.approx([0, 0])


@pytest.mark.parametrize(("n", "d"), [(1, 3), (2, 5), (3, 32), (4, 32)])
def test_each_clip_a_class_of_its_own_still_gives_numbers_of_sense(n: int, d: int) -> None:
    """Then nothing is left within the classes to estimate a covariance from."""
    seen_ND, _ = labelled(n, 4, d, seed=4)
    sums = PlaceSums(seen_ND)
    log_odds_NC = sums.log_odds(sums.classes(np.eye(4)[:n]))
    assert np.isfinite(log_odds_NC).all()
    assert (log_odds_NC.argmax(axis=1) == np.arange(n)).all() or n == 1


def test_no_clip_gives_places_that_say_nothing() -> None:
    places = PlaceSums(np.zeros((0, 2))).classes(np.zeros((0, 3)))
    assert not places.slopes_DC.any()
    assert not places.offsets_C.any()
