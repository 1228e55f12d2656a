"""One step of MI-Fuse against a literal NumPy second implementation, and the moving teacher against equation 7."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import entropy

from tasks.fusion.single import SingleRule
from tasks.networks.head import Head, Masks
from tasks.students.base import TrainingData
from tasks.students.loop import Loop
from tasks.students.mi_fuse import MIFuseSettings

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


def clips_of(data: TrainingData, features_BLD: torch.Tensor) -> list[int]:
    """Which clips a batch holds, found by their features."""
    means_NLD = data.features.rows(range(len(data))).means_BLD()
    return [[torch.equal(row, other) for other in means_NLD].index(True) for row in features_BLD]


def targets_by_hand(data: TrainingData, teachers_pass: Any) -> dict[int, FloatArray]:
    """The fused label of each clip that went through the teacher."""
    features_BLD, masks, weights = teachers_pass
    drawn_BKC = softmax(passes_by_hand(weights, features_BLD, masks), axis=-1)
    assert data.draws[0] is not None
    probs_NKC, valid_NK = data.draws[0].probs_NKC, data.draws[0].valid_NK
    return {
        n: fused_by_hand(probs_NKC[n][valid_NK[n]].double().numpy(), drawn_BKC[b])
        for b, n in enumerate(clips_of(data, features_BLD))
    }


def losses_by_hand(data: TrainingData, students_pass: Any, targets: dict[int, FloatArray]) -> dict[str, float]:
    """Equation 6 with a coefficient of 0.7."""
    features_BLD, masks, weights = students_pass
    logits_BC = passes_by_hand(weights, features_BLD, masks)[:, 0]
    found = zip(clips_of(data, features_BLD), logits_BC, strict=True)
    cross_entropy = -float(np.mean([targets[n] @ np.log(softmax(logits_C)) for n, logits_C in found]))
    negative_entropy = -float(entropy(softmax(logits_BC, axis=1).mean(axis=0)))
    return {
        "loss": cross_entropy + 0.7 * negative_entropy,
        "loss_ce": cross_entropy,
        "loss_div": 0.7 * negative_entropy,
    }


def assert_last_point_is(loop: Loop, expected: dict[str, float]) -> None:
    noted = loop.checkpoint().curves[-1]
    assert noted["step"] == loop.step
    assert {name: noted[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("batch_size", [12, 5])
def test_a_steps_loss_is_that_of_the_formulas(
    watched_head: Any, data_of: Callable[..., TrainingData], batch_size: int
) -> None:
    """Fusion of given LALM draws with the teacher's fresh draws by MI, cross-entropy plus diversity."""
    data = data_of()
    settings = MIFuseSettings(recipe="paper", batch_size=batch_size, diversity=0.7, learning_rate=0.01, steps=3)
    loop = settings.loop(watched_head, data, CLASSES)
    for step in (1, 2, 3):
        watched_head.passes.clear()
        loop.advance()
        if step != 2:  # the curves have no point there
            teachers, students = watched_head.passes
            assert_last_point_is(loop, losses_by_hand(data, students, targets_by_hand(data, teachers)))


def test_with_refresh_by_epoch_the_epochs_first_teacher_labels_all_its_clips(
    watched_head: Any, data_of: Callable[..., TrainingData]
) -> None:
    data = data_of()
    settings = MIFuseSettings(
        recipe="paper", batch_size=6, diversity=0.7, learning_rate=0.01, teacher_refresh="epoch", steps=2
    )
    loop = settings.loop(watched_head, data, CLASSES)
    loop.advance()
    loop.advance()
    first, second, _, students = watched_head.passes  # the teacher's clips go a batch at a time
    targets = targets_by_hand(data, first) | targets_by_hand(data, second)
    assert targets.keys() == set(range(12))
    assert_last_point_is(loop, losses_by_hand(data, students, targets))


def test_without_refresh_the_labels_are_used_as_they_stand(
    watched_head: Any, data_of: Callable[..., TrainingData]
) -> None:
    data = data_of(draws=[], rule=None)
    settings = MIFuseSettings(
        recipe="paper", batch_size=6, diversity=0.7, learning_rate=0.01, teacher_refresh="never", steps=2
    )
    loop = settings.loop(watched_head, data, CLASSES)
    labels = dict(enumerate(data.labels_NC.double().numpy()))
    for _ in range(2):
        loop.advance()
        assert_last_point_is(loop, losses_by_hand(data, watched_head.passes[-1], labels))


def test_a_clip_that_the_rule_gives_no_label_keeps_the_one_it_came_with(
    watched_head: Any, data_of: Callable[..., TrainingData]
) -> None:
    """`single` leaves a clip that its teacher did not answer without a label: clip 1 here."""
    data = data_of(rule=SingleRule(teacher="lalm").fit([], ["lalm", "classifier"]))
    loop = MIFuseSettings(recipe="paper", batch_size=12, diversity=0.7, steps=1).loop(watched_head, data, CLASSES)
    loop.advance()
    assert data.draws[0] is not None
    probs_NKC, valid_NK = data.draws[0].probs_NKC.double().numpy(), data.draws[0].valid_NK.numpy()
    targets = {n: probs_NKC[n][valid_NK[n]].mean(axis=0) for n in range(12) if valid_NK[n].any()}
    assert targets.keys() == set(range(12)) - {1}
    targets[1] = data.labels_NC[1].double().numpy()
    assert_last_point_is(loop, losses_by_hand(data, watched_head.passes[-1], targets))


def test_the_student_learns_with_dropout_and_the_teacher_makes_k_passes(
    watched_head: Any, data_of: Callable[..., TrainingData]
) -> None:
    MIFuseSettings(recipe="paper", batch_size=4).loop(watched_head, data_of(), CLASSES).advance()
    assert [masks.pooled_NKD.shape for _, masks, _ in watched_head.passes] == [(4, 8, 5), (4, 1, 5)]
    for _, masks, _ in watched_head.passes:
        assert masks.hidden_NKH.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-4)  # rates are 15-bit numbers


def test_the_moving_teacher_follows_equation_7(head: Head, data_of: Callable[..., TrainingData]) -> None:
    """θ_cls ← α θ_cls + (1 − α) θ_student after each step, from the classifier's own weights."""
    expected = {name: tensor.detach().double().clone() for name, tensor in head.named_parameters()}
    loop = MIFuseSettings(recipe="paper", ema=0.9, batch_size=4, learning_rate=0.05).loop(head, data_of(), CLASSES)
    for _ in range(7):
        loop.advance()
        for name, student in loop.checkpoint().state["head"].items():
            if name in expected:
                expected[name] = 0.9 * expected[name] + 0.1 * student.detach().double()
    teacher = loop.checkpoint().state["objective"]["teacher"]
    for name, tensor in expected.items():
        np.testing.assert_allclose(teacher[name].double(), tensor, atol=1e-6)
        assert not torch.allclose(teacher[name], loop.checkpoint().state["head"][name], atol=1e-4)


def test_with_ema_0_the_teacher_is_the_student(head: Head, data_of: Callable[..., TrainingData]) -> None:
    loop = MIFuseSettings(recipe="paper", ema=0, batch_size=4, learning_rate=0.05).loop(head, data_of(), CLASSES)
    for _ in range(3):
        loop.advance()
    state = loop.checkpoint().state
    for name, tensor in state["head"].items():
        torch.testing.assert_close(state["objective"]["teacher"][name], tensor)
