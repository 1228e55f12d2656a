"""The trainer with whole sequences instead of time means: learnt pooling, and how often a clip is heard."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from tasks.encoders.base import Frames
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.students.base import Student, TrainingData
from tasks.students.mi_fuse import MIFuseSettings

CLASSES = ["angry", "happy", "sad"]
REFRESHES = ["never", "epoch", "step"]


def train(head: Head, data: TrainingData, **given: Any) -> Student:
    settings = MIFuseSettings.model_validate({"recipe": "paper", "batch_size": 4, "learning_rate": 0.01} | given)
    return settings.train(head, data, CLASSES, None, keep=lambda point: None, report=lambda n: None)


def bits(head: Head) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in head.state_dict().items()}


class Sequences:
    """Features of clips of other lengths, each clip of shape (L, T, D); notes which are asked for."""

    def __init__(self, clips: list[torch.Tensor]) -> None:
        self._clips, self.asked = clips, []
        self.n_layers, _, self.dim = clips[0].shape

    def __len__(self) -> int:
        return len(self._clips)

    def rows(self, rows_B: Sequence[int]) -> Frames:
        self.asked.append(list(rows_B))
        some = [self._clips[row] for row in rows_B]
        values = torch.zeros(len(some), self.n_layers, max(clip.shape[1] for clip in some), self.dim)
        for row, clip in zip(values, some, strict=True):
            row[:, : clip.shape[1]] = clip
        return Frames(values, torch.tensor([clip.shape[1] for clip in some]))


def sequences(n: int = 12) -> Sequences:
    generator = torch.Generator().manual_seed(5)
    return Sequences([torch.randn(2, 3 + row % 7, 5, generator=generator) for row in range(n)])


@pytest.mark.parametrize("refresh", REFRESHES)
def test_attentive_pooling_learns_from_frames(
    config: ClassifierConfig, data_of: Callable[..., TrainingData], refresh: str
) -> None:
    torch.manual_seed(0)
    attentive = Head(config.model_copy(update={"pooling": "attentive"}))
    student = train(attentive, data_of(features=sequences()), teacher_refresh=refresh, steps=20)
    again = train(attentive, data_of(features=sequences()), teacher_refresh=refresh, steps=20)
    assert bits(student.head) == bits(again.head)
    assert bits(student.head)["pooling.to_tanh.weight"] != bits(attentive)["pooling.to_tanh.weight"]
    assert student.curves[-1]["loss_ce"] < student.curves[0]["loss_ce"]


@pytest.mark.parametrize(("refresh", "times"), [("never", 3), ("step", 3), ("epoch", 6)])
def test_a_batch_is_heard_once_a_step_and_at_an_epochs_start_once_more(
    head: Head, data_of: Callable[..., TrainingData], refresh: str, times: int
) -> None:
    """Each time may be a pass of the encoder. Never more clips at once than a batch."""
    heard = sequences()
    settings = MIFuseSettings.model_validate({"recipe": "paper", "batch_size": 4, "teacher_refresh": refresh})
    loop = settings.loop(head, data_of(features=heard), CLASSES)
    for _ in range(3):
        loop.advance()
    assert [len(rows) for rows in heard.asked] == [4] * times
