"""The weighted geometric mean of floored means."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.fusion.base import Draws, fused_by
from tasks.fusion.equal import EqualRule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.fusion.product_of_experts import ProductOfExpertsRule
from tests.fusion.test_rules import TEACHERS, two_teachers


def product_literally(weights_T: np.ndarray, draws: list[Draws], n: int) -> np.ndarray:
    odds_C = np.ones(draws[0].probs_NKC.shape[-1])
    for weight, teacher in zip(weights_T, draws, strict=True):
        if weight > 0:
            mean_C = np.maximum(teacher.probs_NKC[n][teacher.valid_NK[n]].mean(axis=0), 0.04 / len(odds_C))
            odds_C = odds_C * (mean_C / mean_C.sum()) ** weight
    return odds_C / odds_C.sum() if weights_T.any() else np.full(len(odds_C), np.nan)


@given(two_teachers(), st.sampled_from(["mutual_information", "equal"]))
def test_labels_are_those_of_a_literal_second_implementation(draws: list[Draws], weights: str) -> None:
    weighing = MutualInformationRule() if weights == "mutual_information" else EqualRule()
    weights_NT = weighing.fit(draws, TEACHERS).weights(draws)
    fused = fused_by(ProductOfExpertsRule(weights=weights).fit(draws, TEACHERS), draws)
    expected_NC = [product_literally(weights_T, draws, n) for n, weights_T in enumerate(weights_NT)]
    np.testing.assert_allclose(fused.probs_NC, expected_NC, atol=1e-6)
    np.testing.assert_allclose(fused.weights_NT, weights_NT)


def test_a_product_by_hand() -> None:
    """sqrt(.9 · .4) : sqrt(.1 · .6) = .6 : .245."""
    draws = [Draws(np.array([[mean_C]]), np.ones((1, 1), dtype=bool)) for mean_C in ([0.9, 0.1], [0.4, 0.6])]
    fused = fused_by(ProductOfExpertsRule(weights="equal").fit(draws, TEACHERS), draws)
    assert fused.probs_NC[0] == pytest.approx([0.6 / 0.844949, 0.244949 / 0.844949], abs=1e-6)


def test_no_teacher_has_a_veto() -> None:
    draws = [Draws(np.array([[mean_C]]), np.ones((1, 1), dtype=bool)) for mean_C in ([1.0, 0.0], [0.0, 1.0])]
    fused = fused_by(ProductOfExpertsRule(weights="equal").fit(draws, TEACHERS), draws)
    assert fused.probs_NC[0] == pytest.approx([0.5, 0.5])


def test_it_needs_two_draws_only_to_weigh_by_mutual_information() -> None:
    assert [ProductOfExpertsRule(weights=w).min_draws for w in ("mutual_information", "equal")] == [2, 1]
