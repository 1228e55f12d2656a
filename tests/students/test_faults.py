"""What stops training says what was found, where, and what to do."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.features import Means
from tasks.networks.head import Head
from tasks.students.base import Student, TrainingData
from tasks.students.mi_fuse import MIFuseSettings

CLASSES = ["angry", "happy", "sad"]


def train(head: Head, data: TrainingData, **given: Any) -> Student:
    settings = MIFuseSettings.model_validate(
        {"recipe": "paper", "steps": 8, "batch_size": 4, "learning_rate": 0.01} | given
    )
    return settings.train(head, data, CLASSES, None, keep=lambda point: None, report=lambda n: None)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize(
    ("names", "told"), [(None, "clip 4"), (["a.wav", "b.wav", "c.wav", "calls/d.wav"], "calls/d.wav")]
)
def test_features_that_are_not_finite_are_told_with_their_clip(
    head: Head, data_of: Callable[..., TrainingData], value: float, names: list[str] | None, told: str
) -> None:
    means_NLD = torch.randn(4, 2, 5)
    means_NLD[3, 0, 0] = value
    with pytest.raises(TrainingError, match=rf"^{told}: its features are not finite \(first met at step 1\)\. Delete"):
        train(head, data_of(n=4, features=Means(means_NLD), names=names))


def test_a_gradient_that_is_not_finite_is_told_and_the_weights_stay(
    head: Head, data_of: Callable[..., TrainingData]
) -> None:
    """Features so large that the loss is finite and the squares of its gradient are not."""
    data = data_of(n=4, features=Means(torch.full((4, 2, 5), 1e30)))
    head.to_hidden.weight.data *= 1e-30
    loop = MIFuseSettings(recipe="paper", batch_size=4, teacher_refresh="never").loop(head, data, CLASSES)
    before = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    told = r"the norm of the gradient is inf at step 1\. Lower student\.learning_rate \(now 0\.0001\)"
    with pytest.raises(TrainingError, match=told):
        loop.advance()
    for name, tensor in head.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_labels_that_say_one_class_and_nothing_else_are_refused(
    head: Head, data_of: Callable[..., TrainingData]
) -> None:
    labels_NC = torch.eye(3)[[1] * 12]
    with pytest.raises(TrainingError, match=r"all 12 pseudo-labels say 'happy' and nothing else: .* `mifuse inspect`"):
        train(head, data_of(labels_NC=labels_NC))


def test_soft_labels_of_one_class_are_learnt_from(head: Head, data_of: Callable[..., TrainingData]) -> None:
    labels_NC = torch.tensor([[0.9, 0.05, 0.05]]).repeat(12, 1)
    assert train(head, data_of(labels_NC=labels_NC)).curves[-1]["step"] == 8
