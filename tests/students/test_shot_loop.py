"""SHOT's loss and labels against a literal NumPy second implementation, and the layer that stays."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.shot import SHOTSettings
from tasks.students.shot_loop import SHOTObjective, cluster_labels
from tests.students.baseline_toys import (
    CLASSES,
    FloatArray,
    all_by_hand,
    information_by_hand,
    parts_of,
    step_of,
    stir,
)

MakeData = Callable[..., TrainingData]
ROWS = [7, 0, 3, 10, 4]


def labels_by_hand(hidden_NH: FloatArray, probs_NC: FloatArray) -> list[int]:
    """Equations 5 and 6 of the paper: cosine distance to soft centroids, then to the centroids of those labels."""
    classes = sorted({int(probs_C.argmax()) for probs_C in probs_NC})
    soft = [sum(p * h for p, h in zip(probs_NC[:, c], hidden_NH, strict=True)) / probs_NC[:, c].sum() for c in classes]
    first = [classes[c] for c in cdist(hidden_NH, np.array(soft), "cosine").argmin(axis=1)]
    left = [c for c in classes if c in first]
    hard = [hidden_NH[[n for n, label in enumerate(first) if label == c]].mean(axis=0) for c in left]
    return [left[c] for c in cdist(hidden_NH, np.array(hard), "cosine").argmin(axis=1)]


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_the_loss_is_that_of_the_formulas(head: Head, data_of: MakeData, seed: int) -> None:
    data = data_of(n=30, seed=seed)
    labels = labels_by_hand(*all_by_hand(head, data))
    step = step_of(head, data, ROWS)
    cross_entropy = -np.mean([np.log(step.probs_BC[b, labels[n]]) for b, n in enumerate(ROWS)])
    expected = {"ce": 0.3 * cross_entropy} | information_by_hand(step.probs_BC)
    assert parts_of(SHOTObjective(head, data, 4), step) == pytest.approx(expected, abs=1e-5)


def test_labels_follow_the_clusters_not_the_classifiers_first_guess() -> None:
    """The third clip lies with the first two but was taken for one of the other class."""
    features_NH = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0], [0.1, 1.0]])
    probs_NC = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.1, 0.9], [0.1, 0.9]])
    assert cluster_labels(features_NH, probs_NC).argmax(dim=-1).tolist() == [0, 0, 0, 1, 1]


def test_the_length_of_a_clips_features_does_not_matter_to_its_own_label() -> None:
    features_NH = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0], [1e-4, 2e-4]])
    probs_NC = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.5, 0.5]])
    assert cluster_labels(features_NH, probs_NC)[4].tolist() == [0, 1]


def test_a_class_that_no_clip_is_predicted_as_is_no_label() -> None:
    """Its soft centroid would lie nearest to the last clip."""
    features_NH = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    probs_NC = torch.tensor([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.4, 0.3, 0.3]])
    assert cluster_labels(features_NH, probs_NC)[:, 2].tolist() == [0, 0, 0]


def test_the_last_layer_stays_bit_for_bit_and_the_rest_moves(head: Head, data_of: MakeData) -> None:
    settings = SHOTSettings(steps=20, batch_size=4)
    student = settings.train(head, data_of(), CLASSES, None, keep=lambda point: None, report=lambda n: None).head
    assert torch.equal(student.to_logits.weight, head.to_logits.weight)
    assert torch.equal(student.to_logits.bias, head.to_logits.bias)
    assert not torch.equal(student.to_hidden.weight, head.to_hidden.weight)


def test_labels_are_renewed_with_each_epoch_and_only_then(head: Head, data_of: MakeData) -> None:
    data = data_of(n=30)
    objective = SHOTObjective(head, data, 4)
    found = []
    for epoch in (0, 0, 1):
        parts_of(objective, step_of(head, data, ROWS, epoch=epoch))
        found.append(objective.state()["labels"].argmax(dim=-1).tolist())
        expected = labels_by_hand(*all_by_hand(head, data))
        stir(head)
    assert found[0] == found[1] != found[2]
    assert found[2] == expected
