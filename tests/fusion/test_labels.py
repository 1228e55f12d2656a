"""What the labels of every rule promise, weights or not: `fused_by` over any clips."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fusion.base import Draws, Fused, fused_by
from tasks.fusion.equal import EqualRule
from tests.fusion.crowd import NAMES, crowd
from tests.fusion.test_rules import make_rule

QUICK = [
    {"kind": "mutual_information"},
    {"kind": "mutual_information", "temperature": 0.3, "bias_correction": True},
    {"kind": "entropy"},
    {"kind": "equal"},
    {"kind": "single", "teacher": "classifier"},
    {"kind": "kl_gated"},
    {"kind": "product_of_experts"},
    {"kind": "product_of_experts", "weights": "equal"},
    {"kind": "generative"},
]
CROWD = [{"kind": "dawid_skene"}, {"kind": "mace"}, {"kind": "glad"}]


def every(rules: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("rule", rules, ids=lambda rule: "-".join(map(str, rule.values())))


def seen(n: int) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(n, 3)).astype(np.float32)


def fuse(rule: dict[str, Any], draws: list[Draws], seen_ND: np.ndarray, names: list[str] = NAMES) -> Fused:
    return fused_by(make_rule(rule).fit(draws, names, seen_ND), draws, seen_ND)


@every(QUICK + CROWD)
def test_a_label_is_a_distribution(rule: dict[str, Any]) -> None:
    draws, _ = crowd(n=30)
    probs_NC = fuse(rule, draws, seen(30)).probs_NC
    assert (probs_NC[~np.isnan(probs_NC)] >= 0).all()
    np.testing.assert_allclose(probs_NC[~np.isnan(probs_NC).any(axis=1)].sum(axis=1), 1)


@every(QUICK)
@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_clips_does_not_matter(rule: dict[str, Any], seed: int) -> None:
    draws, _ = crowd(n=15, seed=seed)
    order = np.random.default_rng(seed).permutation(15)
    mixed = [Draws(d.probs_NKC[order], d.valid_NK[order]) for d in draws]
    there = fuse(rule, draws, seen(15)).probs_NC[order]
    np.testing.assert_allclose(fuse(rule, mixed, seen(15)[order]).probs_NC, there, atol=1e-6)


@every(QUICK)
@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_the_order_of_the_teachers_does_not_matter(rule: dict[str, Any], seed: int) -> None:
    draws, _ = crowd(n=15, seed=seed)
    there = fuse(rule, draws, seen(15)).probs_NC
    turned = fuse(rule, draws[::-1], seen(15), NAMES[::-1]).probs_NC
    np.testing.assert_allclose(turned, there, atol=1e-6)


@every(CROWD)
def test_the_order_of_clips_and_teachers_hardly_matters_to_a_crowd(rule: dict[str, Any]) -> None:
    """crowd-kit sums in the order in which it meets the votes, and GLAD stops its search early."""
    draws, _ = crowd(n=60)
    order = np.random.default_rng(0).permutation(60)
    mixed = [Draws(d.probs_NKC[order], d.valid_NK[order]) for d in draws[::-1]]
    there = fuse(rule, draws, seen(60)).probs_NC[order]
    np.testing.assert_allclose(fuse(rule, mixed, seen(60), NAMES[::-1]).probs_NC, there, atol=0.02)


@every(QUICK + CROWD)
def test_draws_that_are_not_valid_leave_no_trace(rule: dict[str, Any]) -> None:
    """Masked draws are as if they had not been asked, wherever they stand."""
    draws, _ = crowd(n=20)
    shorter = [Draws(d.probs_NKC[:, :3], np.ones((20, 3), dtype=bool)) for d in draws]
    for teacher in shorter:
        teacher.probs_NKC[...] = np.where(teacher.probs_NKC.sum(axis=-1, keepdims=True) > 0, teacher.probs_NKC, 1 / 3)
    longer = [Draws(np.insert(d.probs_NKC, 1, 0.0, axis=1), np.insert(d.valid_NK, 1, False, axis=1)) for d in shorter]
    ours, expected = fuse(rule, longer, seen(20)).probs_NC, fuse(rule, shorter, seen(20)).probs_NC
    np.testing.assert_allclose(ours, expected, atol=1e-9)


@every([rule for rule in QUICK if rule["kind"] not in ("product_of_experts", "generative")])
def test_teachers_that_agree_are_repeated(rule: dict[str, Any]) -> None:
    draws, _ = crowd(n=20)
    same = [draws[1], draws[1], draws[1]]
    alone = fused_by(EqualRule().fit([draws[1]], ["classifier"]), [draws[1]]).probs_NC
    ours = fuse(rule, same, seen(20)).probs_NC
    known_N = ~np.isnan(ours).any(axis=1)
    np.testing.assert_allclose(ours[known_N], alone[known_N], atol=1e-9)


@pytest.mark.parametrize("weights", ["mutual_information", "equal"])
def test_a_product_of_teachers_that_agree_is_their_floored_word(weights: str) -> None:
    mean_C = np.array([0.96, 0.03, 0.01])
    same = [Draws(np.tile(mean_C, (1, k, 1)), np.ones((1, k), dtype=bool)) for k in (2, 3)]
    raised_C = np.maximum(mean_C, 0.04 / 3)
    fused = fuse({"kind": "product_of_experts", "weights": weights}, same, seen(1), NAMES[:2])
    assert fused.probs_NC[0] == pytest.approx(raised_C / raised_C.sum())


def test_labels_and_weights_of_other_clips_can_be_taken_away() -> None:
    fused = Fused(np.full((2, 2), 0.5), np.array([[0.3, 0.7], [0.3, 0.7]]))
    kept = fused.only(np.array([True, False]))
    np.testing.assert_array_equal(kept.probs_NC, [[0.5, 0.5], [np.nan, np.nan]])
    np.testing.assert_array_equal(kept.weights_NT, [[0.3, 0.7], [0, 0]])
