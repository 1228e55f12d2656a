"""Rules of two, three and four teachers: no place counts more than another, and who says nothing changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tasks.fusion import Rule
from tasks.fusion.base import Draws, Fused, fused_by

FloatArray = NDArray[np.float64]
NAMES = ["classifier", "lalm", "clap", "other"]
SETTINGS: list[dict[str, Any]] = [
    {"kind": "mutual_information"},
    {"kind": "mutual_information", "temperature": 0.3, "bias_correction": True},
    {"kind": "entropy"},
    {"kind": "equal"},
    {"kind": "single", "teacher": "classifier"},
    {"kind": "kl_gated", "threshold": 0.2},
    {"kind": "kl_gated"},
    {"kind": "product_of_experts"},
    {"kind": "product_of_experts", "weights": "equal"},
]
few = hypothesis_settings(max_examples=20)  # nine rules each
every_rule = pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))


@st.composite
def teachers(draw: st.DrawFn, least: int = 2) -> list[Draws]:
    """Two to four teachers over the same clips and classes, each with its own number of draws, some not valid."""
    n, c, t = draw(st.integers(1, 4)), draw(st.integers(2, 4)), draw(st.integers(least, 4))
    return [spoken(n, draw(st.integers(2, 5)), c, draw(st.integers(0, 10_000))) for _ in range(t)]


def spoken(n: int, k: int, c: int, seed: int) -> Draws:
    rng = np.random.default_rng(seed)
    valid_NK = rng.random((n, k)) > 0.2
    return Draws(rng.dirichlet(np.full(c, 0.7), size=(n, k)) * valid_NK[..., None], valid_NK)


def silent_like(teacher: Draws) -> Draws:
    return Draws(np.zeros_like(teacher.probs_NKC), np.zeros_like(teacher.valid_NK))


def fused(settings: dict[str, Any], draws: Sequence[Draws], names: Sequence[str]) -> Fused:
    rule = TypeAdapter(Rule).validate_python(settings)
    return fused_by(rule.fit(draws, names), draws)


@every_rule
@few
@given(draws=teachers(), seed=st.integers(0, 100))
def test_teachers_in_another_order_have_the_same_weights_in_that_order(
    settings: dict[str, Any], draws: list[Draws], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(draws))
    names = NAMES[: len(draws)]
    before, after = fused(settings, draws, names), fused(settings, [draws[t] for t in order], [names[t] for t in order])
    np.testing.assert_allclose(after.weights_NT, before.weights_NT[:, order], atol=1e-9)
    np.testing.assert_allclose(after.probs_NC, before.probs_NC, atol=1e-9)


@every_rule
@few
@given(draws=teachers(), place=st.integers(0, 4))
def test_a_teacher_that_says_nothing_changes_nothing(settings: dict[str, Any], draws: list[Draws], place: int) -> None:
    names, at = NAMES[: len(draws)], min(place, len(draws))
    more = [*draws[:at], silent_like(draws[0]), *draws[at:]]
    before, after = fused(settings, draws, names), fused(settings, more, [*names[:at], "silent", *names[at:]])
    np.testing.assert_allclose(after.probs_NC, before.probs_NC, atol=1e-12)
    np.testing.assert_allclose(np.delete(after.weights_NT, at, axis=1), before.weights_NT, atol=1e-12)
    assert not after.weights_NT[:, at].any()


@every_rule
@few
@given(draws=teachers())
def test_every_clip_that_anyone_weighs_in_on_gets_a_distribution(settings: dict[str, Any], draws: list[Draws]) -> None:
    found = fused(settings, draws, NAMES[: len(draws)])
    weighed_N = found.weights_NT.sum(axis=1) > 0
    np.testing.assert_allclose(found.weights_NT[weighed_N].sum(axis=1), 1)
    np.testing.assert_allclose(found.probs_NC[weighed_N].sum(axis=1), 1)
    assert np.isnan(found.probs_NC[~weighed_N]).all()


@pytest.mark.parametrize("settings", [rule for rule in SETTINGS if rule != {"kind": "kl_gated"}], ids=str)
@few
@given(draws=teachers())  # whose gate lies on one of the clips, where the last bit decides
def test_torch_says_the_same(settings: dict[str, Any], draws: list[Draws]) -> None:
    tensors = [Draws(torch.from_numpy(t.probs_NKC), torch.from_numpy(t.valid_NK)) for t in draws]
    names = NAMES[: len(draws)]
    np.testing.assert_allclose(
        fused(settings, tensors, names).probs_NC, fused(settings, draws, names).probs_NC, atol=1e-9
    )


@pytest.mark.parametrize("kind", ["mutual_information", "entropy", "equal"])
@given(draws=teachers())
def test_where_odds_are_shared_out_a_teacher_twice_counts_twice(kind: str, draws: list[Draws]) -> None:
    """Its odds are its own: w_t / w_s stays, for any pair, whoever else is there."""
    names = NAMES[: len(draws)]
    once, twice = fused({"kind": kind}, draws, names), fused({"kind": kind}, [*draws, draws[0]], [*names, "again"])
    np.testing.assert_allclose(twice.weights_NT[:, 0], twice.weights_NT[:, -1], atol=1e-12)
    share_N = once.weights_NT[:, 0]
    np.testing.assert_allclose(twice.weights_NT[:, 0] * (1 + share_N), share_N, atol=1e-12)


@given(draws=teachers(least=3))
def test_a_product_is_the_geometric_mean_of_all(draws: list[Draws]) -> None:
    """Literally, with a floor of .04 in all under each teacher's mean."""
    found = fused({"kind": "product_of_experts", "weights": "equal"}, draws, NAMES[: len(draws)])
    for n in range(len(found.probs_NC)):
        means = [t.probs_NKC[n][t.valid_NK[n]].mean(axis=0) for t in draws if t.valid_NK[n].any()]
        if means:
            raised = [np.maximum(mean, 0.04 / len(mean)) for mean in means]
            product = np.prod([p / p.sum() for p in raised], axis=0) ** (1 / len(means))
            np.testing.assert_allclose(found.probs_NC[n], product / product.sum(), atol=1e-9)


def test_the_gate_is_shut_by_the_one_teacher_that_is_furthest_off() -> None:
    """By hand: the second agrees with the classifier, the third does not; the third contradicts itself least."""

    def said(*draws: tuple[float, float]) -> Draws:
        return Draws(np.array([draws]), np.ones((1, len(draws)), bool))

    near, far = said((0.6, 0.4), (0.8, 0.2)), said((0.1, 0.9), (0.1, 0.9))
    classifier = said((0.5, 0.5), (0.9, 0.1))
    gated = {"kind": "kl_gated", "threshold": 0.3}
    assert fused(gated, [classifier, near, far], ["classifier", "near", "far"]).weights_NT.tolist() == [[0, 0, 1]]
    assert (fused(gated, [classifier, near], ["classifier", "near"]).weights_NT > 0).all()


@pytest.mark.parametrize("kind", ["generative", "dawid_skene"])
def test_rules_that_learn_who_is_right_take_three_teachers(kind: str) -> None:
    """Two teachers that are mostly right and one that guesses: labels no worse than the mean's."""
    rng = np.random.default_rng(0)
    truth_N = np.arange(90) % 3

    def right_in(share: float) -> Draws:
        named_N = np.where(rng.random(90) < share, truth_N, rng.integers(0, 3, 90))
        sure_NKC = np.repeat(np.eye(3)[named_N][:, None] * 0.8 + 0.2 / 3, 4, axis=1)
        return Draws(0.9 * sure_NKC + 0.1 * rng.dirichlet(np.ones(3), size=(90, 4)), np.ones((90, 4), bool))

    draws = [right_in(0.85), right_in(0.8), right_in(0.0)]
    seen_ND = np.eye(3)[truth_N] + rng.normal(scale=0.3, size=(90, 3))
    rule = TypeAdapter(Rule).validate_python({"kind": kind})
    found = fused_by(rule.fit(draws, NAMES[:3], seen_ND), draws, seen_ND)
    mean_N = fused({"kind": "equal"}, draws, NAMES[:3]).probs_NC.argmax(axis=1)
    assert (np.asarray(found.probs_NC).argmax(axis=1) == truth_N).mean() >= max(0.8, (mean_N == truth_N).mean())
