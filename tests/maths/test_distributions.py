"""Floors, divergence and softmax against SciPy, and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats
from scipy.spatial import distance

from tasks.maths.distributions import FLOOR, as_like, floored, jensen_shannon, kl_divergence, softmax

ODDS = arrays(float, st.tuples(st.integers(1, 4), st.integers(2, 6)), elements=st.floats(0, 1)).filter(
    lambda odds: bool((odds.sum(axis=1) > 0.1).all())
)


def normed(odds: np.ndarray) -> np.ndarray:
    return odds / odds.sum(axis=1, keepdims=True)


@given(ODDS)
def test_a_floored_distribution_sums_to_1_and_keeps_its_order(odds: np.ndarray) -> None:
    p = normed(odds)
    np.testing.assert_allclose(floored(p).sum(axis=1), 1)
    assert (np.diff(np.take_along_axis(floored(p), p.argsort(axis=1), axis=1), axis=1) >= 0).all()


@given(ODDS)
def test_no_class_falls_far_below_the_floor(odds: np.ndarray) -> None:
    least = FLOOR / odds.shape[1]
    assert (floored(normed(odds)) >= least / (1 + FLOOR)).all()


def test_a_distribution_above_the_floor_stays_as_it_is() -> None:
    np.testing.assert_allclose(floored(np.array([0.7, 0.2, 0.05, 0.05])), [0.7, 0.2, 0.05, 0.05])


@given(ODDS)
def test_divergence_is_scipys_of_the_floored_distributions(odds: np.ndarray) -> None:
    p, q = normed(odds), normed(odds[::-1])
    expected = stats.entropy(floored(p), floored(q), axis=1)
    np.testing.assert_allclose(kl_divergence(p, q), expected, atol=1e-12)


def test_divergence_from_a_class_that_is_never_named_is_finite() -> None:
    """Two classes, floor .02: .980392 log(.980392 / .019608) + .019608 log(.019608 / .980392) = 3.7587."""
    apart = kl_divergence(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert apart == pytest.approx([0.960784 * np.log(50)], abs=1e-4)


def test_divergence_of_a_distribution_from_itself_is_0() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(5), size=20)
    assert kl_divergence(p, p).tolist() == [0] * 20


@given(arrays(float, (3, 4), elements=st.floats(-800, 800)))
def test_softmax_is_scipys(logs: np.ndarray) -> None:
    np.testing.assert_allclose(softmax(logs), special.softmax(logs, axis=-1), atol=1e-12)


def test_torch_and_numpy_agree() -> None:
    p, q = np.random.default_rng(1).dirichlet(np.full(4, 0.2), size=(2, 30))
    for function in (kl_divergence, lambda a, b: softmax(a - b), lambda a, b: floored(a)):
        ours = function(torch.from_numpy(p), torch.from_numpy(q))
        np.testing.assert_allclose(ours.numpy(), function(p, q), atol=1e-12)


def test_numbers_take_the_precision_of_what_they_are_used_with() -> None:
    assert as_like(np.ones(2), torch.zeros(1, dtype=torch.float32)).dtype == torch.float32
    assert as_like([1, 2], np.zeros(1)).dtype == np.float64


@given(ODDS)
def test_distance_from_the_middle_is_scipys_and_the_same_both_ways(odds: np.ndarray) -> None:
    p, q = normed(odds), normed(odds[::-1])
    expected = [distance.jensenshannon(one, other) ** 2 for one, other in zip(p, q, strict=True)]
    np.testing.assert_allclose(jensen_shannon(p, q), expected, atol=1e-9)
    np.testing.assert_allclose(jensen_shannon(q, p), jensen_shannon(p, q), atol=1e-12)


def test_distance_from_the_middle_is_log_2_where_nothing_is_shared_and_0_where_all_is() -> None:
    apart = jensen_shannon(np.array([[1.0, 0.0], [0.3, 0.7]]), np.array([[0.0, 1.0], [0.3, 0.7]]))
    np.testing.assert_allclose(apart, [np.log(2), 0], atol=1e-12)
