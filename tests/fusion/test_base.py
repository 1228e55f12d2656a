"""Fusing by given weights: the weighted mean of the mean draws, and what the helpers around it promise."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.fusion.base import Draws, fuse, normalise


def draws_of(n: int, k: int, c: int, seed: int) -> Draws:
    """Random draws, about a third of them not valid."""
    rng = np.random.default_rng(seed)
    valid_NK = rng.random((n, k)) > 0.3
    return Draws(rng.dirichlet(np.ones(c), size=(n, k)) * valid_NK[..., None], valid_NK)


@st.composite
def weighed(draw: st.DrawFn) -> tuple[np.ndarray, list[Draws]]:
    """Weights that are 0 where a teacher has no valid draw, as every rule gives them."""
    n, c, seed = draw(st.integers(1, 5)), draw(st.integers(2, 5)), draw(st.integers(0, 10_000))
    draws = [
        draws_of(n, k, c, seed + t) for t, k in enumerate(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    ]
    usable_NT = np.stack([teacher.enough_N(1) for teacher in draws], axis=1)
    return normalise(np.random.default_rng(seed).random(usable_NT.shape), usable_NT), draws


def fuse_literally(weights_NT: np.ndarray, draws: list[Draws]) -> np.ndarray:
    rows = []
    for n, weights_T in enumerate(weights_NT):
        parts = [
            weight * teacher.probs_NKC[n][teacher.valid_NK[n]].mean(axis=0)
            for weight, teacher in zip(weights_T, draws, strict=True)
            if weight > 0
        ]
        rows.append(np.sum(parts, axis=0) if parts else np.full(draws[0].probs_NKC.shape[-1], np.nan))
    return np.array(rows)


@given(weighed())
def test_fused_labels_are_those_of_a_literal_second_implementation(case: tuple[np.ndarray, list[Draws]]) -> None:
    np.testing.assert_allclose(fuse(*case), fuse_literally(*case), atol=1e-12)


@given(weighed())
def test_a_fused_label_is_a_distribution_or_nan_throughout(case: tuple[np.ndarray, list[Draws]]) -> None:
    fused_NC = fuse(*case)
    has_N = ~np.isnan(fused_NC).any(axis=1)
    np.testing.assert_allclose(fused_NC[has_N].sum(axis=1), 1)
    assert np.isnan(fused_NC[~has_N]).all()


@given(weighed())
def test_numpy_and_torch_agree(case: tuple[np.ndarray, list[Draws]]) -> None:
    weights_NT, draws = case
    tensors = [Draws(torch.from_numpy(t.probs_NKC), torch.from_numpy(t.valid_NK)) for t in draws]
    np.testing.assert_allclose(fuse(torch.from_numpy(weights_NT), tensors).numpy(), fuse(*case), atol=1e-12)


def test_fusion_by_hand() -> None:
    """.25 · (.8, .2) + .75 · (.4, .6) = (.5, .5)."""
    lalm = Draws(np.array([[[0.9, 0.1], [0.7, 0.3]]]), np.ones((1, 2), dtype=bool))
    classifier = Draws(np.array([[[0.4, 0.6]]]), np.ones((1, 1), dtype=bool))
    assert fuse(np.array([[0.25, 0.75]]), [lalm, classifier])[0] == pytest.approx([0.5, 0.5])


def test_a_teacher_of_weight_0_leaves_no_trace_though_its_mean_is_nan() -> None:
    silent = Draws(np.zeros((1, 2, 2)), np.zeros((1, 2), dtype=bool))
    speaking = Draws(np.array([[[0.4, 0.6]]]), np.ones((1, 1), dtype=bool))
    assert fuse(np.array([[0.0, 1.0]]), [silent, speaking]).tolist() == [[0.4, 0.6]]


def test_a_clip_without_weights_is_nan_and_leaves_the_others_alone() -> None:
    teacher = Draws(np.array([[[0.4, 0.6]], [[0.1, 0.9]]]), np.ones((2, 1), dtype=bool))
    np.testing.assert_array_equal(fuse(np.array([[0.0], [1.0]]), [teacher]), [[np.nan, np.nan], [0.1, 0.9]])


def test_normalised_scores_keep_their_ratio_among_the_usable() -> None:
    usable = np.array([[True, True, False], [False, False, False]])
    np.testing.assert_allclose(normalise(np.array([[1.0, 3, 9], [1, 1, 1]]), usable), [[0.25, 0.75, 0], [0, 0, 0]])


def test_enough_counts_the_valid_draws_of_each_clip() -> None:
    draws = Draws(np.zeros((2, 3, 4)), np.array([[True, False, True], [False, False, True]]))
    assert draws.enough_N(2).tolist() == [True, False]
