"""What every rule promises: weights per clip that sum to 1, nothing for a teacher that has too few draws."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from tasks.fusion import Rule
from tasks.fusion.base import Draws

FloatArray = NDArray[np.float64]
TEACHERS = ["lalm", "classifier"]
SETTINGS = [
    {"kind": "mutual_information"},
    {"kind": "mutual_information", "temperature": 0.3, "bias_correction": True},
    {"kind": "entropy"},
    {"kind": "equal"},
    {"kind": "single", "teacher": "classifier"},
    {"kind": "kl_gated", "threshold": 0.2},
]
every_rule = pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))


def make_rule(settings: dict[str, Any]) -> Any:
    return TypeAdapter(Rule).validate_python(settings)


def weigh(settings: dict[str, Any], draws: list[Draws]) -> Any:
    return make_rule(settings).fit(draws, TEACHERS).weights(draws)


@st.composite
def two_teachers(draw: st.DrawFn) -> list[Draws]:
    """Two teachers over the same clips and classes, each with its own number of draws, some of them not valid."""
    n, c = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    return [draw(one_teacher(n, draw(st.integers(2, 5)), c)) for _ in TEACHERS]


@st.composite
def one_teacher(draw: st.DrawFn, n: int, k: int, c: int) -> Draws:
    odds_NKC = draw(arrays(float, (n, k, c), elements=st.one_of(st.just(0.0), st.floats(1e-3, 1))))
    odds_NKC[odds_NKC.sum(axis=-1) == 0] = 1.0
    valid_NK = draw(arrays(bool, (n, k), elements=st.sampled_from([True, True, True, False])))
    return Draws(odds_NKC / odds_NKC.sum(axis=-1, keepdims=True) * valid_NK[..., None], valid_NK)


def odds_literally(settings: dict[str, Any], draws_KC: FloatArray, teacher: str) -> float:
    """One teacher's odds for one clip, from its valid draws alone."""
    k = len(draws_KC)
    if k < (2 if settings["kind"] in ("mutual_information", "kl_gated") else 1):
        return 0.0
    mean_C = draws_KC.mean(axis=0)
    match settings["kind"]:
        case "mutual_information" | "kl_gated":  # where the gate is open; where it is shut: test_kl_gated.py
            mi = stats.entropy(mean_C) - np.mean(stats.entropy(draws_KC, axis=1))
            mi *= k / (k - 1) if settings.get("bias_correction") else 1
            return float(np.exp(-mi / settings.get("temperature", 1)))
        case "entropy":
            return float(np.exp(-stats.entropy(mean_C)))
        case "single":
            return float(teacher == settings["teacher"])
    return 1.0


def floored_literally(p_C: FloatArray) -> FloatArray:
    raised_C = np.maximum(p_C, 0.04 / len(p_C))
    return raised_C / raised_C.sum()


def weights_literally(settings: dict[str, Any], draws: list[Draws]) -> FloatArray:
    rows = []
    for n in range(len(draws[0].probs_NKC)):
        pairs = zip(draws, TEACHERS, strict=True)
        odds_T = np.array([odds_literally(settings, t.probs_NKC[n][t.valid_NK[n]], name) for t, name in pairs])
        if settings["kind"] == "kl_gated" and (odds_T > 0).all():
            p, q = (floored_literally(t.probs_NKC[n][t.valid_NK[n]].mean(axis=0)) for t in reversed(draws))
            if stats.entropy(p, q) > settings["threshold"]:
                odds_T = np.isclose(odds_T, odds_T.max(), rtol=1e-6, atol=0).astype(float)
        rows.append(odds_T / odds_T.sum() if odds_T.sum() else odds_T)
    return np.array(rows)


@every_rule
@given(draws=two_teachers())
def test_weights_are_those_of_a_literal_second_implementation(settings: dict[str, Any], draws: list[Draws]) -> None:
    np.testing.assert_allclose(weigh(settings, draws), weights_literally(settings, draws), atol=1e-9)


@every_rule
@given(draws=two_teachers())
def test_a_clips_weights_sum_to_1_or_are_all_0(settings: dict[str, Any], draws: list[Draws]) -> None:
    weights_NT = weigh(settings, draws)
    sums_N = weights_NT.sum(axis=1)
    assert (weights_NT >= 0).all()
    assert (np.isclose(sums_N, 1) | (sums_N == 0)).all()


@every_rule
@given(draws=two_teachers())
def test_numpy_and_torch_agree(settings: dict[str, Any], draws: list[Draws]) -> None:
    tensors = [Draws(torch.from_numpy(t.probs_NKC), torch.from_numpy(t.valid_NK)) for t in draws]
    np.testing.assert_allclose(weigh(settings, tensors).numpy(), weigh(settings, draws), atol=1e-12)


@every_rule
@given(draws=two_teachers())
def test_a_clip_weighs_the_same_alone_as_in_a_batch(settings: dict[str, Any], draws: list[Draws]) -> None:
    alone = [Draws(t.probs_NKC[:1], t.valid_NK[:1]) for t in draws]
    np.testing.assert_allclose(weigh(settings, alone), weigh(settings, draws)[:1], atol=1e-12)


@every_rule
def test_a_teacher_without_a_valid_draw_weighs_nothing(settings: dict[str, Any]) -> None:
    silent = Draws(np.zeros((1, 3, 2)), np.zeros((1, 3), dtype=bool))
    speaking = Draws(np.full((1, 3, 2), 0.5), np.ones((1, 3), dtype=bool))
    assert weigh(settings, [silent, speaking]).tolist() == [[0, 1]]


@every_rule
def test_a_clip_that_no_teacher_answers_has_no_weights(settings: dict[str, Any]) -> None:
    silent = Draws(np.zeros((1, 3, 2)), np.zeros((1, 3), dtype=bool))
    assert weigh(settings, [silent, silent]).tolist() == [[0, 0]]


@every_rule
def test_incomplete_clips_are_fused_from_the_rest_unless_told_otherwise(settings: dict[str, Any]) -> None:
    assert make_rule(settings).incomplete == "fuse_the_rest"


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="'dawid_skene', 'entropy', 'equal', 'generative', 'glad'"):
        make_rule({"kind": "mutual_infomation"})


def test_a_setting_of_another_rule_is_refused() -> None:
    with pytest.raises(ValidationError, match="temperature\n  Extra inputs are not permitted"):
        make_rule({"kind": "equal", "temperature": 1})
