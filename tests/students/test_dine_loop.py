"""DINE's labels and loss against a literal NumPy second implementation."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from tasks.contracts.errors import TrainingError
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.dine import DINESettings
from tasks.students.dine_loop import DINEObjective, softened
from tasks.students.objective import Moment
from tests.students.baseline_toys import (
    CLASSES,
    FloatArray,
    all_by_hand,
    features_of,
    information_by_hand,
    parts_of,
    pass_by_hand,
    step_of,
    stir,
)
from tests.students.test_mi_fuse_frames import sequences

MakeData = Callable[..., TrainingData]
ROWS = [7, 0, 3, 10, 4]


def soften_by_hand(p_C: FloatArray) -> FloatArray:
    top = int(p_C.argmax())
    return np.array([p_C[top] if c == top else (1 - p_C[top]) / (len(p_C) - 1) for c in range(len(p_C))])


def labels_by_hand(head: Head, data: TrainingData) -> FloatArray:
    """The mean of the classifier and of those draws that the LALM answered, softened, clip by clip."""
    _, classifier_NC = all_by_hand(head, data)
    assert data.draws[0] is not None
    probs_NKC, valid_NK = data.draws[0].probs_NKC.double().numpy(), data.draws[0].valid_NK.numpy()
    labels = []
    for n, said_C in enumerate(classifier_NC):
        words = [said_C, probs_NKC[n][valid_NK[n]].mean(axis=0)] if valid_NK[n].any() else [said_C]
        labels.append(soften_by_hand(np.mean(words, axis=0)))
    return np.array(labels)


def kl_by_hand(target_BC: FloatArray, probs_BC: FloatArray) -> float:
    return float(np.mean([entropy(t_C, p_C) for t_C, p_C in zip(target_BC, probs_BC, strict=True)]))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_loss_is_that_of_the_formulas(head: Head, data_of: MakeData, at: int) -> None:
    data, labels_NC = data_of(), labels_by_hand(head, data_of())
    step = step_of(head, data, ROWS, step=at)
    chance = np.random.default_rng([5, 2, at])
    share, order = chance.beta(0.3, 0.3), chance.permutation(len(ROWS))
    features = features_of(data)[ROWS]
    mixed_BLD = share * features + (1 - share) * features[order]
    mixed_BC = softmax([pass_by_hand(head, mixed_LD)[1] for mixed_LD in mixed_BLD], axis=-1)
    wanted_BC = share * step.probs_BC + (1 - share) * step.probs_BC[order]
    expected = {"kl": kl_by_hand(labels_NC[ROWS], step.probs_BC), "mix": kl_by_hand(wanted_BC, mixed_BC)}
    expected |= information_by_hand(step.probs_BC)
    found = parts_of(DINEObjective(DINESettings(batch_size=5, seed=5), head, data), step)
    assert found == pytest.approx(expected, abs=1e-5)


def test_labels_are_the_softened_mean_of_both_teachers(head: Head, data_of: MakeData) -> None:
    """Clip 1 has no answer of the LALM: the classifier alone."""
    data = data_of()
    objective = DINEObjective(DINESettings(), head, data)
    parts_of(objective, step_of(head, data, ROWS))
    np.testing.assert_allclose(objective.state()["labels"], labels_by_hand(head, data), atol=1e-6)
    _, classifier_NC = all_by_hand(head, data)
    np.testing.assert_allclose(objective.state()["labels"][1], soften_by_hand(classifier_NC[1]), atol=1e-6)


def test_every_tenth_of_the_steps_the_labels_move_by_40_percent_to_the_student(head: Head, data_of: MakeData) -> None:
    data, expected = data_of(), labels_by_hand(head, data_of())
    objective = DINEObjective(DINESettings(steps=30), head, data)
    for at in range(8):
        if at in (3, 6):
            expected = 0.6 * expected + 0.4 * all_by_hand(head, data)[1]
        parts_of(objective, step_of(head, data, ROWS, step=at))
        np.testing.assert_allclose(objective.state()["labels"], expected, atol=1e-6)
        stir(head)


def test_a_short_training_renews_at_each_step() -> None:
    assert [DINESettings(steps=steps).renewed_every for steps in (5, 10, 29, 500)] == [1, 1, 2, 50]


def test_the_most_likely_class_keeps_its_probability_and_the_others_share_the_rest() -> None:
    probs_NC = torch.tensor([[0.1, 0.7, 0.2, 0.0], [0.25, 0.25, 0.25, 0.25]])
    expected = [[0.1, 0.7, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]]
    np.testing.assert_allclose(softened(probs_NC), expected, atol=1e-6)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=7))
def test_softened_labels_are_distributions_with_the_same_top(odds: list[float]) -> None:
    p_C = torch.tensor(odds, dtype=torch.float64) / sum(odds)
    [soft_C] = softened(p_C[None])
    assert soft_C.sum().item() == pytest.approx(1)
    assert soft_C.max().item() == pytest.approx(p_C.max().item())
    assert soft_C[p_C.argmax()] == p_C.max()


def test_where_frames_are_attended_to_what_the_last_layer_hears_is_mixed(
    config: ClassifierConfig, data_of: MakeData
) -> None:
    torch.manual_seed(0)
    head = Head(config.model_copy(update={"pooling": "attentive"}))
    data = data_of(features=sequences())
    rows_B, heard = torch.tensor(ROWS), data.features.rows(ROWS)
    hidden_BH = head.hidden(heard)
    at = Moment(0, 0, rows_B, heard, hidden_BH, head.logits(hidden_BH), head.pooled(heard))
    objective = DINEObjective(DINESettings(seed=5), head, data)
    objective.begin(0, 0, rows_B, heard)
    chance = np.random.default_rng([5, 2, 0])
    share, order = chance.beta(0.3, 0.3), chance.permutation(len(ROWS))
    hidden = hidden_BH.detach().double().numpy()
    weight, bias = (tensor.detach().double().numpy() for tensor in (head.to_logits.weight, head.to_logits.bias))
    said_BC = softmax(hidden @ weight.T + bias, axis=-1)
    mixed_BC = softmax((share * hidden + (1 - share) * hidden[order]) @ weight.T + bias, axis=-1)
    expected = kl_by_hand(share * said_BC + (1 - share) * said_BC[order], mixed_BC)
    assert objective.parts(at)["mix"].item() == pytest.approx(expected, abs=1e-6)


def test_without_any_answer_of_another_teacher_it_is_refused(head: Head, data_of: MakeData) -> None:
    told = r"no clip has an answer of a teacher beside the classifier, and student\.kind dine"
    with pytest.raises(TrainingError, match=told):
        DINESettings().loop(head, data_of(draws=[None]), CLASSES)


def test_the_learning_rate_falls_faster_as_in_the_authors_code() -> None:
    settings = DINESettings(steps=100)
    found = [settings.learning_rate_factor(step) for step in (0, 30, 100)]
    assert found == pytest.approx([1, 1 / 8, 11**-1.5])
