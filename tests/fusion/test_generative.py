"""The generative rule: evidence written out a second time, the model that it fits, and doubtful input."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tasks.fusion.base import Draws, fused_by
from tasks.fusion.generative import GenerativeRule, evidence
from tasks.maths.label_model import fit_label_model
from tests.fusion.crowd import NAMES, crowd


def seen_of(truth_N: np.ndarray, d: int = 4, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(3, d))[truth_N] + rng.normal(size=(len(truth_N), d))).astype(np.float32)


def floored_literally(probs_C: np.ndarray) -> np.ndarray:
    raised_C = np.maximum(probs_C, 0.04 / len(probs_C))
    return raised_C / raised_C.sum()


def evidence_literally(teacher: Draws) -> np.ndarray:
    rows = []
    for probs_KC, valid_K in zip(teacher.probs_NKC, teacher.valid_NK, strict=True):
        if valid_K.sum() < 2:
            rows.append(np.full(probs_KC.shape[1], np.nan))
            continue
        mean_C = probs_KC[valid_K].mean(axis=0)
        mi = stats.entropy(mean_C) - stats.entropy(probs_KC[valid_K], axis=1).mean()
        rows.append(np.exp(-mi) * np.log(floored_literally(mean_C)))
    return np.array(rows)


def fuse(draws: list[Draws], seen_ND: np.ndarray) -> np.ndarray:
    return fused_by(GenerativeRule().fit(draws, NAMES[: len(draws)], seen_ND), draws, seen_ND).probs_NC


def one_teacher(*probs_KC: list[float]) -> Draws:
    return Draws(np.array([probs_KC]), np.ones((1, len(probs_KC)), dtype=bool))


@pytest.mark.parametrize("teacher", range(3))
def test_evidence_is_that_of_a_literal_second_implementation(teacher: int) -> None:
    """Draws that are missing included; with fewer than two there is none."""
    draws, _ = crowd(n=80)
    draws[teacher].valid_NK[5, 1:] = False
    literal_NC = evidence_literally(draws[teacher])
    assert np.isnan(literal_NC[5]).all()
    np.testing.assert_allclose(evidence(draws[teacher]), literal_NC, atol=1e-9)


def test_evidence_of_draws_that_agree_is_the_logarithm_of_their_word() -> None:
    assert evidence(one_teacher([0.7, 0.2, 0.1], [0.7, 0.2, 0.1]))[0] == pytest.approx(np.log([0.7, 0.2, 0.1]))


def test_evidence_of_two_draws_that_contradict_each_other_by_hand() -> None:
    """MI = log 2, so half of log(1/2, 1/2) between the two; the third class stands at its floor of .04/3."""
    mean_C = floored_literally(np.array([0.5, 0.5, 0.0]))
    found_NC = evidence(one_teacher([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))
    assert found_NC[0] == pytest.approx(0.5 * np.log(mean_C))


@given(seed=st.integers(0, 10_000), c=st.integers(2, 7), k=st.integers(2, 6))
def test_evidence_is_bounded_by_the_floor_and_never_more_than_the_word_itself(seed: int, c: int, k: int) -> None:
    probs_NKC = np.random.default_rng(seed).dirichlet(0.1 * np.ones(c), size=(3, k))
    found_NC = evidence(Draws(probs_NKC, np.ones((3, k), dtype=bool)))
    word_NC = np.log([floored_literally(mean_C) for mean_C in probs_NKC.mean(axis=1)])
    assert (found_NC <= 1e-9).all()
    assert (found_NC >= word_NC - 1e-9).all()
    assert (found_NC >= np.log(0.04 / c / 1.04) - 1e-9).all()


def test_labels_are_the_label_models_from_the_plain_mean_on() -> None:
    draws, truth_N = crowd(n=50)
    seen_ND = seen_of(truth_N)
    said = [evidence_literally(teacher) for teacher in draws]
    means = [
        [teacher.probs_NKC[n][teacher.valid_NK[n]].mean(axis=0) for teacher in draws if teacher.valid_NK[n].any()]
        for n in range(50)
    ]
    start_NC = np.array([floored_literally(np.mean(mean, axis=0)) for mean in means])
    labels_NC = fit_label_model(said, seen_ND, start_NC).posterior(said, seen_ND)
    np.testing.assert_allclose(fuse(draws, seen_ND), labels_NC, atol=1e-6)


def test_weights_are_trust_and_how_little_a_teacher_contradicts_itself() -> None:
    """Of those that speak; a clip's weights sum to 1, or to 0 where nobody does."""
    draws, truth_N = crowd(n=80)
    for teacher in draws:
        teacher.valid_NK[7] = False
    fitted = GenerativeRule().fit(draws, NAMES, seen_of(truth_N))
    loud_NT = np.zeros((80, 3))
    for t, teacher in enumerate(draws):
        for n in np.flatnonzero(teacher.valid_NK.sum(axis=1) >= 2):
            probs_KC = teacher.probs_NKC[n][teacher.valid_NK[n]]
            mi = stats.entropy(probs_KC.mean(axis=0)) - stats.entropy(probs_KC, axis=1).mean()
            loud_NT[n, t] = fitted.model.trust_T[t] * np.exp(-mi)
    total_N = loud_NT.sum(axis=1)
    expected_NT = loud_NT / np.where(total_N > 0, total_N, 1)[:, None]
    np.testing.assert_allclose(fused_by(fitted, draws, seen_of(truth_N)).weights_NT, expected_NT, atol=1e-9)
    assert not expected_NT[7].any()


def test_new_clips_are_labelled_by_the_fitted_model() -> None:
    """A function of the batch: what was fitted on all gives each clip alone the label that it has among them."""
    draws, truth_N = crowd(n=50)
    seen_ND = seen_of(truth_N)
    fitted = GenerativeRule().fit(draws, NAMES, seen_ND)
    alone = [Draws(d.probs_NKC[3:4], d.valid_NK[3:4]) for d in draws]
    np.testing.assert_allclose(fitted.posterior(alone, seen_ND[3:4])[0], fitted.posterior(draws, seen_ND)[3], atol=1e-9)


def test_numpy_and_torch_agree() -> None:
    draws, truth_N = crowd(n=50)
    seen_ND = seen_of(truth_N)
    tensors = [Draws(torch.from_numpy(d.probs_NKC), torch.from_numpy(d.valid_NK)) for d in draws]
    fitted = GenerativeRule().fit(tensors, NAMES, torch.from_numpy(seen_ND))
    ours_NC = fitted.posterior(tensors, torch.from_numpy(seen_ND))
    np.testing.assert_allclose(ours_NC.numpy(), fuse(draws, seen_ND), atol=1e-9)
    np.testing.assert_allclose(fitted.weights(tensors).numpy(), fitted.weights(draws), atol=1e-9)


def test_what_is_seen_helps_where_it_tells_the_classes_apart() -> None:
    draws, truth_N = crowd(n=200)
    weak, seen_ND = draws[1:], np.eye(3)[truth_N] * 4 + np.random.default_rng(0).normal(size=(200, 3))
    said = [evidence(teacher) for teacher in weak]
    by_teachers = np.nansum(said, axis=0).argmax(axis=1) == truth_N
    by_all = fuse(weak, seen_ND.astype(np.float32)).argmax(axis=1) == truth_N
    assert by_all.mean() > by_teachers.mean() + 0.05


def test_teachers_that_know_nothing_leave_one_clip_undecided() -> None:
    draws = [Draws(np.full((1, 2, 3), 1 / 3), np.ones((1, 2), dtype=bool)) for _ in range(2)]
    assert fuse(draws, np.ones((1, 4), dtype=np.float32))[0] == pytest.approx([1 / 3] * 3)


def test_a_clip_that_one_teacher_alone_answers_is_labelled() -> None:
    draws, truth_N = crowd(n=20)
    for teacher in draws[1:]:
        teacher.valid_NK[4] = False
    draws[0].valid_NK[4] = True
    draws[0].probs_NKC[4] = [0.98, 0.01, 0.01]
    seen_ND = seen_of(truth_N)
    assert fuse(draws, np.zeros_like(seen_ND))[4].argmax() == 0


def test_a_clip_that_no_teacher_answers_has_no_label_whatever_is_seen_of_it() -> None:
    draws, truth_N = crowd(n=20)
    for teacher in draws:
        teacher.valid_NK[4] = False
    probs_NC = fuse(draws, seen_of(truth_N))
    assert np.flatnonzero(np.isnan(probs_NC).any(axis=1)).tolist() == [4]


@pytest.mark.parametrize("step", ["fit", "posterior"])
def test_without_what_is_seen_it_is_refused(step: str) -> None:
    draws, truth_N = crowd(n=20)
    fitted = GenerativeRule().fit(draws, NAMES, seen_of(truth_N))
    with pytest.raises(ValueError, match="the rule generative looks at the clips: seen_ND is needed, got None"):
        GenerativeRule().fit(draws, NAMES) if step == "fit" else fitted.posterior(draws)
