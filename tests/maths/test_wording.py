"""The part of the mutual information that comes from the wording: a second implementation, properties, by hand."""

from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from tasks.maths.uncertainty import mutual_information, wording_information

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
EXACT = 1e-12
Case = tuple[FloatArray, BoolArray, list[int]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draws from one-hot to flat, some of them not valid, of up to three prompts with any numbers."""
    n, k, c = draw(st.tuples(st.integers(1, 3), st.integers(2, 6), st.integers(2, 4)))
    odds = draw(arrays(float, (n, k, c), elements=st.one_of(st.just(0.0), st.floats(1e-3, 1))))
    odds[odds.sum(axis=-1) == 0] = 1.0
    prompts_K = draw(st.lists(st.sampled_from([0, 1, 7]), min_size=k, max_size=k))
    return odds / odds.sum(axis=-1, keepdims=True), draw(arrays(bool, (n, k))), prompts_K


def literally(probs_KC: FloatArray, valid_K: BoolArray, prompts_K: list[int]) -> float:
    """The mean divergence of each valid draw's prompt's mean from the mean of all: another way to write it."""
    rows = [(p_C, prompt) for p_C, is_valid, prompt in zip(probs_KC, valid_K, prompts_K, strict=True) if is_valid]
    if len({prompt for _, prompt in rows}) < 2:
        return np.nan
    mean_C = np.mean([p_C for p_C, _ in rows], axis=0)
    of_prompt = {q: np.mean([p_C for p_C, other in rows if other == q], axis=0) for _, q in rows}
    return float(np.mean([stats.entropy(of_prompt[prompt], mean_C) for _, prompt in rows]))


@given(cases())
def test_it_is_the_mean_divergence_of_the_prompts_means_from_the_mean(case: Case) -> None:
    probs_NKC, valid_NK, prompts_K = case
    literal_N = [literally(p_KC, v_K, prompts_K) for p_KC, v_K in zip(probs_NKC, valid_NK, strict=True)]
    np.testing.assert_allclose(wording_information(probs_NKC, valid_NK, prompts_K), literal_N, atol=1e-9)


@given(cases())
def test_it_lies_between_0_and_the_mutual_information(case: Case) -> None:
    probs_NKC, valid_NK, prompts_K = case
    between_N = wording_information(probs_NKC, valid_NK, prompts_K)
    known_N = ~np.isnan(between_N)
    assert (between_N[known_N] >= 0).all()
    assert (between_N <= mutual_information(probs_NKC, valid_NK) + EXACT)[known_N].all()


@given(cases())
def test_with_one_draw_per_prompt_all_disagreement_is_the_wordings(case: Case) -> None:
    probs_NKC, valid_NK, _ = case
    own = range(probs_NKC.shape[1])
    total_N = mutual_information(probs_NKC, valid_NK)
    np.testing.assert_allclose(wording_information(probs_NKC, valid_NK, own), total_N, atol=EXACT)


@given(cases(), st.randoms())
def test_neither_the_order_of_draws_nor_the_numbers_of_prompts_matter(case: Case, random: Random) -> None:
    probs_NKC, valid_NK, prompts_K = case
    order_K = random.sample(range(len(prompts_K)), len(prompts_K))
    renamed_K = [{0: 3, 1: -1, 7: 0}[prompts_K[k]] for k in order_K]
    np.testing.assert_allclose(
        wording_information(probs_NKC[:, order_K], valid_NK[:, order_K], renamed_K),
        wording_information(probs_NKC, valid_NK, prompts_K),
        atol=EXACT,
    )


@given(cases())
def test_numpy_and_torch_agree(case: Case) -> None:
    probs_NKC, valid_NK, prompts_K = case
    in_torch = wording_information(torch.from_numpy(probs_NKC), torch.from_numpy(valid_NK), prompts_K)
    np.testing.assert_allclose(in_torch.numpy(), wording_information(*case), atol=EXACT)


def test_by_hand() -> None:
    """Prompt 0 says (1, 0) twice, prompt 1 (0, 1) once: H(2/3, 1/3), since the prompts' own means have none."""
    votes = np.eye(2)[[0, 0, 1]][None]
    expected = -2 / 3 * np.log(2 / 3) - 1 / 3 * np.log(1 / 3)
    assert wording_information(votes, None, [0, 0, 1])[0] == pytest.approx(expected)


def test_a_prompt_with_more_valid_draws_weighs_more() -> None:
    """Means (1, 0) and (.5, .5) with weights 1/3 and 2/3: H(2/3, 1/3) - 2/3 log 2."""
    votes, valid = np.eye(2)[[0, 0, 1, 0]][None], np.array([[True, True, True, False]])
    expected = -2 / 3 * np.log(2 / 3) - 1 / 3 * np.log(1 / 3) - 2 / 3 * np.log(2)
    assert wording_information(votes, valid, [0, 1, 1, 0])[0] == pytest.approx(expected)


def test_one_prompt_tells_nothing_about_wording() -> None:
    assert np.isnan(wording_information(np.eye(2)[None], None, [4, 4]))[0]


def test_a_prompt_without_a_valid_draw_does_not_count() -> None:
    assert np.isnan(wording_information(np.eye(2)[None], np.array([[True, False]]), [0, 1]))[0]


def test_a_clip_without_a_valid_draw_is_unknown() -> None:
    assert np.isnan(wording_information(np.eye(2)[None], np.array([[False, False]]), [0, 1]))[0]


def test_another_number_of_prompts_than_of_draws_is_refused() -> None:
    with pytest.raises(ValueError, match="1 prompts for 2 draws: each draw has one"):
        wording_information(np.eye(2)[None], None, [0])


def test_logits_are_refused() -> None:
    with pytest.raises(ValueError, match="Did you pass logits"):
        wording_information(np.array([[[3.0, -1.0], [0.5, 0.5]]]), None, [0, 1])


def test_single_precision_stays_single_precision() -> None:
    assert wording_information(torch.full((1, 2, 4), 0.25), None, [0, 1]).dtype == torch.float32
