"""Entropy, mean draw and mutual information: a literal second implementation, properties, cases by hand."""

from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from tasks.maths.uncertainty import entropy, mean_draw, mutual_information

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
EXACT = 1e-12


@st.composite
def draws(draw: st.DrawFn, least_draws: int = 2) -> FloatArray:
    """Shape (N, K, C): anything from one-hot to flat."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(least_draws, 6), st.integers(2, 5)))
    odds = draw(arrays(float, shape, elements=st.one_of(st.just(0.0), st.floats(1e-3, 1))))
    odds[odds.sum(axis=-1) == 0] = 1.0
    return odds / odds.sum(axis=-1, keepdims=True)


@st.composite
def masked_draws(draw: st.DrawFn) -> tuple[FloatArray, BoolArray]:
    probs_NKC = draw(draws())
    return probs_NKC, draw(arrays(bool, probs_NKC.shape[:2]))


def mi_literally(probs_KC: FloatArray) -> float:
    """The mean Kullback-Leibler divergence of the draws from their mean: another way to write the same quantity."""
    return float(np.mean([stats.entropy(p_C, probs_KC.mean(axis=0)) for p_C in probs_KC]))


def as_torch(probs_NKC: FloatArray, valid_NK: BoolArray) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(probs_NKC), torch.from_numpy(valid_NK)


@given(draws())
def test_entropy_is_scipys(probs_NKC: FloatArray) -> None:
    np.testing.assert_allclose(entropy(probs_NKC), stats.entropy(probs_NKC, axis=-1), atol=EXACT)


def test_the_entropy_of_a_flat_distribution_is_the_logarithm_of_the_number_of_classes() -> None:
    assert entropy(np.full(4, 0.25)) == pytest.approx(np.log(4))


def test_a_certain_distribution_has_no_entropy_and_no_negative_zero() -> None:
    certain = entropy(np.array([0.0, 1.0, 0.0]))
    assert certain == 0.0
    assert not np.signbit(certain)


@given(draws())
def test_mutual_information_is_the_mean_divergence_from_the_mean_draw(probs_NKC: FloatArray) -> None:
    literal_N = [mi_literally(probs_KC) for probs_KC in probs_NKC]
    np.testing.assert_allclose(mutual_information(probs_NKC), literal_N, atol=1e-9)


@given(draws())
def test_mutual_information_lies_between_0_and_the_logarithm_of_the_smaller_of_draws_and_classes(
    probs_NKC: FloatArray,
) -> None:
    mi_N = mutual_information(probs_NKC)
    assert (mi_N >= 0).all()
    assert (mi_N <= np.log(min(probs_NKC.shape[1:])) + EXACT).all()


@pytest.mark.parametrize(("k", "c"), [(2, 4), (4, 4), (6, 3)])
def test_the_upper_bound_is_reached_by_certain_draws_that_share_the_classes_evenly(k: int, c: int) -> None:
    votes_KC = np.eye(c)[np.arange(k) % c]
    assert mutual_information(votes_KC[None]) == pytest.approx(np.log(min(k, c)))


@given(draws())
def test_equal_draws_have_no_mutual_information(probs_NKC: FloatArray) -> None:
    equal_NKC = np.repeat(probs_NKC[:, :1], 5, axis=1)
    np.testing.assert_allclose(mutual_information(equal_NKC), 0, atol=EXACT)


@given(draws())
def test_draws_that_differ_have_mutual_information_at_least_pinskers_bound(probs_NKC: FloatArray) -> None:
    distance_NK = np.abs(probs_NKC - probs_NKC.mean(axis=1, keepdims=True)).sum(axis=-1)
    assert (mutual_information(probs_NKC) >= (distance_NK**2).mean(axis=1) / 2 - EXACT).all()


@given(draws(), st.randoms())
def test_neither_the_order_of_draws_nor_that_of_classes_matters(probs_NKC: FloatArray, random: Random) -> None:
    _, k, c = probs_NKC.shape
    draws_K, classes_C = random.sample(range(k), k), random.sample(range(c), c)
    shuffled_NKC = probs_NKC[:, draws_K][:, :, classes_C]
    np.testing.assert_allclose(mutual_information(shuffled_NKC), mutual_information(probs_NKC), atol=EXACT)


@given(draws())
def test_a_clip_does_not_depend_on_the_other_clips(probs_NKC: FloatArray) -> None:
    alone_N = [mutual_information(probs_KC[None])[0] for probs_KC in probs_NKC]
    np.testing.assert_allclose(mutual_information(probs_NKC), alone_N, atol=EXACT)


def test_four_votes_against_one_have_half_a_nat() -> None:
    votes = np.eye(4)[[0, 0, 0, 0, 1]]
    assert mutual_information(votes[None])[0] == pytest.approx(-0.8 * np.log(0.8) - 0.2 * np.log(0.2))


def test_mutual_information_by_hand() -> None:
    """Mean (.5, .5): H = log 2. Each draw: H(.9, .1) = .3251. What is left is the disagreement."""
    assert mutual_information(np.array([[[0.9, 0.1], [0.1, 0.9]]]))[0] == pytest.approx(0.6931 - 0.3251, abs=1e-4)


def test_rounding_does_not_make_mutual_information_negative() -> None:
    """Written naively, these seven equal draws have -2e-16 nats."""
    assert mutual_information(np.tile([0.1, 0.2, 0.3, 0.4], (1, 7, 1)))[0] >= 0


def test_doubt_that_all_draws_share_is_no_disagreement() -> None:
    assert mutual_information(np.full((1, 5, 4), 0.25))[0] == pytest.approx(0, abs=EXACT)


@given(masked_draws())
def test_draws_that_are_not_valid_do_not_count(masked: tuple[FloatArray, BoolArray]) -> None:
    probs_NKC, valid_NK = masked
    known = [valid_K.sum() >= 2 for valid_K in valid_NK]
    literal_N = [
        mi_literally(p_KC[v_K]) if ok else np.nan for p_KC, v_K, ok in zip(probs_NKC, valid_NK, known, strict=True)
    ]
    np.testing.assert_allclose(mutual_information(probs_NKC, valid_NK), literal_N, atol=1e-9)


@given(masked_draws())
def test_the_mean_draw_is_over_the_valid_draws_and_nan_where_there_is_none(
    masked: tuple[FloatArray, BoolArray],
) -> None:
    probs_NKC, valid_NK = masked
    literal_NC = [
        p_KC[v_K].mean(axis=0) if v_K.any() else np.full(p_KC.shape[-1], np.nan)
        for p_KC, v_K in zip(probs_NKC, valid_NK, strict=True)
    ]
    np.testing.assert_allclose(mean_draw(probs_NKC, valid_NK), literal_NC, atol=EXACT)


@given(masked_draws())
def test_numpy_and_torch_agree(masked: tuple[FloatArray, BoolArray]) -> None:
    for formula in (mutual_information, mean_draw):
        np.testing.assert_allclose(formula(*as_torch(*masked)).numpy(), formula(*masked), atol=EXACT)


def test_single_precision_stays_single_precision() -> None:
    assert mutual_information(torch.full((1, 2, 4), 0.25)).dtype == torch.float32
