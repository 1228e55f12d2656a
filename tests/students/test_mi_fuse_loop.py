"""One step of MI-Fuse against a literal NumPy second implementation, and the moving teacher against equation 7."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import entropy

from tasks.networks.head import Head, Masks
from tasks.students.base import TrainingData
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.mi_fuse_loop import Loop

FloatArray = NDArray[np.float64]
Weights = dict[str, torch.Tensor]
CLASSES = ["angry", "happy", "sad"]


def one_pass(weights: Weights, features_LD: FloatArray, pooled_D: FloatArray, hidden_H: FloatArray) -> FloatArray:
    """Logits of one clip under one pair of masks."""
    of = {name: tensor.double().numpy() for name, tensor in weights.items()}
    mean_D = softmax(of["layer_scores"]) @ ((features_LD - of["mean_LD"]) / of["std_LD"])
    hidden = np.maximum(0, of["to_hidden.weight"] @ (mean_D * pooled_D) + of["to_hidden.bias"]) * hidden_H
    return of["to_logits.weight"] @ hidden + of["to_logits.bias"]


def passes_by_hand(weights: Weights, features_NLD: torch.Tensor, masks: Masks) -> FloatArray:
    n, k = masks.pooled_NKD.shape[:2]
    features, pooled, hidden = (t.double().numpy() for t in (features_NLD, masks.pooled_NKD, masks.hidden_NKH))
    return np.array([[one_pass(weights, features[i], pooled[i, j], hidden[i, j]) for j in range(k)] for i in range(n)])


def mi(draws_KC: FloatArray) -> float:
    return float(entropy(draws_KC.mean(axis=0)) - np.mean([entropy(draw_C) for draw_C in draws_KC]))


def fused_by_hand(lalm_KC: FloatArray, classifier_KC: FloatArray) -> FloatArray:
    """Equations 2 to 5 for one clip; the LALM's draws are those that it answered."""
    if len(lalm_KC) < 2:  # its MI is unknown: the classifier alone
        return classifier_KC.mean(axis=0)
    odds_T = np.exp([-mi(lalm_KC), -mi(classifier_KC)])
    weight_T = odds_T / odds_T.sum()
    return weight_T[0] * lalm_KC.mean(axis=0) + weight_T[1] * classifier_KC.mean(axis=0)


def step_by_hand(data: TrainingData, passes: list[Any], coefficient: float) -> dict[str, float]:
    """The loss of a step from what went through the teacher and then through the student."""
    (taught_BLD, teacher_masks, teacher_weights), (learnt_BLD, student_masks, student_weights) = passes
    assert torch.equal(taught_BLD, learnt_BLD)
    drawn_BKC = softmax(passes_by_hand(teacher_weights, taught_BLD, teacher_masks), axis=-1)
    logits_BC = passes_by_hand(student_weights, learnt_BLD, student_masks)[:, 0]
    cross_entropy = 0.0
    for b, features_LD in enumerate(learnt_BLD):
        [n] = [i for i, row_LD in enumerate(data.features_NLD) if torch.equal(row_LD, features_LD)]
        assert data.draws[0] is not None
        answered_KC = data.draws[0].probs_NKC[n][data.draws[0].valid_NK[n]].double().numpy()
        target_C = fused_by_hand(answered_KC, drawn_BKC[b])
        cross_entropy -= float(target_C @ np.log(softmax(logits_BC[b]))) / len(learnt_BLD)
    negative_entropy = -float(entropy(softmax(logits_BC, axis=1).mean(axis=0)))
    return {
        "loss": cross_entropy + coefficient * negative_entropy,
        "loss_ce": cross_entropy,
        "loss_div": negative_entropy,
    }


@pytest.mark.parametrize("batch_size", [12, 5])
def test_a_steps_loss_is_that_of_the_formulas(
    watched_head: Any, data_of: Callable[..., TrainingData], batch_size: int
) -> None:
    """Fusion of given LALM draws with the teacher's fresh draws by MI, cross-entropy plus diversity."""
    data = data_of()
    settings = MIFuseSettings(batch_size=batch_size, diversity=0.7, learning_rate=0.01, steps=3)
    loop = Loop(settings, watched_head, data, CLASSES)
    for _ in range(3):
        watched_head.passes.clear()
        loop.advance()
        point = step_by_hand(data, watched_head.passes, coefficient=0.7)
        if loop.step in (1, 3):  # the steps that the curves report
            noted = loop.checkpoint().curves[-1]
            assert {name: noted[name] for name in point} == pytest.approx(point, abs=1e-6)
    assert [point["step"] for point in loop.checkpoint().curves] == [1, 3]


def test_the_student_learns_with_dropout_and_the_teacher_makes_k_passes(
    watched_head: Any, data_of: Callable[..., TrainingData]
) -> None:
    Loop(MIFuseSettings(batch_size=4), watched_head, data_of(), CLASSES).advance()
    assert [masks.pooled_NKD.shape for _, masks, _ in watched_head.passes] == [(4, 8, 5), (4, 1, 5)]
    for _, masks, _ in watched_head.passes:
        assert set(masks.hidden_NKH.unique().tolist()) == {0.0, pytest.approx(1 / 0.7)}


def test_the_moving_teacher_follows_equation_7(head: Head, data_of: Callable[..., TrainingData]) -> None:
    """θ_cls ← α θ_cls + (1 − α) θ_student after each step, from the classifier's own weights."""
    expected = {name: tensor.detach().double().clone() for name, tensor in head.named_parameters()}
    loop = Loop(MIFuseSettings(ema=0.9, batch_size=4, learning_rate=0.05), head, data_of(), CLASSES)
    for _ in range(7):
        loop.advance()
        for name, student in loop.checkpoint().state["head"].items():
            if name in expected:
                expected[name] = 0.9 * expected[name] + 0.1 * student.detach().double()
    teacher = loop.checkpoint().state["teacher"]
    for name, tensor in expected.items():
        np.testing.assert_allclose(teacher[f"module.{name}"].double(), tensor, atol=1e-6)
        assert not torch.allclose(teacher[f"module.{name}"], loop.checkpoint().state["head"][name], atol=1e-4)


def test_with_ema_0_the_teacher_is_the_student(head: Head, data_of: Callable[..., TrainingData]) -> None:
    loop = Loop(MIFuseSettings(ema=0, batch_size=4, learning_rate=0.05), head, data_of(), CLASSES)
    for _ in range(3):
        loop.advance()
    state = loop.checkpoint().state
    for name, tensor in state["head"].items():
        torch.testing.assert_close(state["teacher"][f"module.{name}"], tensor)


def test_an_epoch_sees_every_clip_once(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    data = data_of()
    loop = Loop(MIFuseSettings(batch_size=4, teacher_refresh="never"), watched_head, data, CLASSES)
    orders = []
    for _ in range(2):
        watched_head.passes.clear()
        for _ in range(3):
            loop.advance()
        seen = torch.cat([features for features, _, _ in watched_head.passes])[:, 0, 0].tolist()
        assert sorted(seen) == sorted(data.features_NLD[:, 0, 0].tolist())
        orders.append(seen)
    assert orders[0] != orders[1]


def test_a_last_batch_that_is_not_full_is_left_out(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    loop = Loop(MIFuseSettings(batch_size=5, teacher_refresh="never"), watched_head, data_of(), CLASSES)
    for _ in range(4):
        loop.advance()
    assert [len(features) for features, _, _ in watched_head.passes] == [5, 5, 5, 5]
    first, second = (watched_head.passes[i][0][:, 0, 0].tolist() for i in (0, 1))
    assert not set(first) & set(second)


def test_fewer_clips_than_a_batch_are_one_batch(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    loop = Loop(MIFuseSettings(batch_size=32, teacher_refresh="never"), watched_head, data_of(n=5), CLASSES)
    for _ in range(2):
        loop.advance()
    assert [len(features) for features, _, _ in watched_head.passes] == [5, 5]


def test_a_clip_that_the_rule_gives_no_label_keeps_the_one_it_came_with(
    watched_head: Any, data_of: Callable[..., TrainingData]
) -> None:
    """`single` leaves a clip without an answer of its teacher unlabelled: clip 1 here."""
    data = data_of(rule=SingleRule(teacher="lalm").fit([], ["lalm", "classifier"]))
    Loop(MIFuseSettings(batch_size=12, diversity=0, steps=1), watched_head, data, CLASSES).advance()
