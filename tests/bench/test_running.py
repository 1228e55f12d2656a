"""Methods in one small cell, by the product's rules and trainers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.transfers.cell import Ready
from bench.transfers.methods import METHODS, Method, single, student_of
from bench.transfers.running import NotDefinedError, answers, run_method, training_data
from bench.transfers.splits import Split

BY_NAME = {method.name: method for method in METHODS}
SHORT = {"kind": "mi_fuse", "recipe": "paper", "steps": 20, "batch_size": 4, "learning_rate": 0.01}


def _short(name: str, **changed: str) -> Method:
    return replace(BY_NAME[name], student=SHORT | changed)


def test_source_is_what_the_classifier_says_without_dropout(ready: Ready) -> None:
    expected = answers(ready.by_target, ready.features)
    np.testing.assert_array_equal(run_method(BY_NAME["source"], ready, 0).probs_NC, expected)


def test_lalm_is_the_mean_of_its_draws(ready: Ready) -> None:
    np.testing.assert_allclose(run_method(BY_NAME["LALM"], ready, 0).probs_NC, ready.lalm_NKC.mean(axis=1))


def test_equal_is_the_mean_of_both_teachers(ready: Ready) -> None:
    classifier_NKC = ready.classifier_draws("target", ready.split.adapt, 0)
    expected = (ready.lalm_NKC.mean(axis=1) + classifier_NKC.mean(axis=1)) / 2
    np.testing.assert_allclose(run_method(BY_NAME["fused: equal"], ready, 0).probs_NC, expected)


def test_lalm_only_gives_the_same_student_with_labels_that_stand_as_fused_anew(ready: Ready) -> None:
    stand, anew = (
        run_method(Method("m", single("lalm"), SHORT | {"teacher_refresh": refresh}), ready, 0)
        for refresh in ("never", "step")
    )
    np.testing.assert_allclose(stand.probs_NC, anew.probs_NC, atol=1e-5)


def test_a_method_that_does_not_hear_the_lalm_gives_the_same_with_any(ready: Ready) -> None:
    other = replace(ready, lalm_NKC=ready.lalm_NKC[::-1].copy())
    for method in METHODS:
        if not method.hears_lalm and method.student and method.student["kind"] == "mi_fuse":
            short = replace(method, student=method.student | {"steps": 5, "batch_size": 4})
            np.testing.assert_array_equal(run_method(short, ready, 0).probs_NC, run_method(short, other, 0).probs_NC)


def test_gold_reaches_no_method_but_the_ceiling(ready: Ready) -> None:
    other = replace(ready, corpus=replace(ready.corpus, gold_N=3 - ready.corpus.gold_N))
    ceiling = _short("ceiling", teacher_refresh="never")
    for method in (_short("paper"), _short("best", recipe="best"), BY_NAME["fused: generative"]):
        np.testing.assert_array_equal(run_method(method, ready, 0).probs_NC, run_method(method, other, 0).probs_NC)
    assert np.abs(run_method(ceiling, ready, 0).probs_NC - run_method(ceiling, other, 0).probs_NC).max() > 0.01


def test_the_curve_s_first_point_is_the_classifier_s(ready: Ready) -> None:
    named_N = answers(ready.by_target, ready.features).argmax(axis=1)
    ua = np.mean([(named_N == c)[ready.corpus.gold_N == c].mean() for c in range(4)])
    curve = run_method(_short("paper"), ready, 0).curve
    assert curve[0] == (0, pytest.approx(ua))
    assert curve[-1][0] == 20


def test_a_trainer_that_asks_who_speaks_is_told(ready: Ready) -> None:
    data = training_data(BY_NAME["best"], "views", ready, 0)
    assert data.speakers == ready.corpus.speakers
    assert len(data.draws) == 1


def test_a_trainer_gets_only_the_adaptation_part(ready: Ready) -> None:
    halved = replace(ready, split=Split(np.arange(8), np.arange(8, 16)))
    data = training_data(BY_NAME["paper"], "rule", halved, 0)
    heard = data.features.rows(range(len(data))).means_BLD()
    torch.testing.assert_close(heard, ready.features.rows(range(8)).means_BLD())
    assert len(data.labels_NC) == 8
    assert data.draws[0] is not None
    assert len(data.draws[0].probs_NKC) == 8


def test_the_answers_are_of_the_test_part(ready: Ready) -> None:
    halved = replace(ready, split=Split(np.arange(8), np.arange(8, 16)))
    np.testing.assert_allclose(run_method(BY_NAME["LALM"], halved, 0).probs_NC, ready.lalm_NKC[8:].mean(axis=1))


def test_a_view_that_cannot_be_carried_over_is_refused(ready: Ready) -> None:
    halved = replace(ready, split=Split(np.arange(8), np.arange(8, 16)))
    with pytest.raises(NotDefinedError, match="cannot be carried over to clips"):
        run_method(BY_NAME["fused: generative"], halved, 0)


def test_every_method_s_seed_is_the_cell_s() -> None:
    assert student_of(BY_NAME["paper"], 3).seed == 3
