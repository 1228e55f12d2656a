"""No adaptation: the classifier as it is, and how it stands to the pseudo-labels."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.features import Means, Part
from tasks.networks.head import Head
from tasks.students.base import Student, TrainingData
from tasks.students.source_only import SourceOnlySettings
from tests.students.baseline_toys import CLASSES, all_by_hand

MakeData = Callable[..., TrainingData]


def train(head: Head, data: TrainingData) -> Student:
    return SourceOnlySettings().train(head, data, CLASSES, None, keep=lambda point: None, report=lambda n: None)


def test_the_student_is_the_classifier_bit_for_bit(head: Head, data_of: MakeData) -> None:
    student = train(head, data_of()).head
    assert student is not head
    assert not student.training
    for name, tensor in head.state_dict().items():
        assert torch.equal(student.state_dict()[name], tensor), name


def test_its_curves_are_one_point_of_how_it_stands_to_the_pseudo_labels(head: Head, data_of: MakeData) -> None:
    data = data_of()
    [point] = train(head, data).curves
    _, probs_NC = all_by_hand(head, data)
    labels_NC = data.labels_NC.double().numpy()
    loss = -np.mean(np.sum(labels_NC * np.log(probs_NC), axis=-1))
    agreement = np.mean(probs_NC.argmax(axis=-1) == labels_NC.argmax(axis=-1))
    shares = {f"share_{name}": share for name, share in zip(CLASSES, probs_NC.mean(axis=0), strict=True)}
    assert point == pytest.approx({"step": 0, "loss": loss, "loss_ce": loss, "agreement": agreement} | shares, abs=1e-5)


def test_features_that_are_not_finite_are_told(head: Head, data_of: MakeData) -> None:
    means_NLD = torch.randn(4, 2, 5)
    means_NLD[3, 0, 0] = torch.nan
    with pytest.raises(TrainingError, match="clip 4: its features are not finite"):
        train(head, data_of(n=4, features=Means(means_NLD)))


def test_fewer_than_two_clips_are_refused(head: Head, data_of: MakeData) -> None:
    data = data_of()
    with pytest.raises(TrainingError, match="1 clips have a pseudo-label; training needs at least 2"):
        train(head, data_of(features=Part(data.features, range(1)), labels_NC=data.labels_NC[:1]))
