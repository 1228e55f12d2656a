"""Which clips a step sees, and when the moving teacher is asked."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tasks.networks.head import Masks
from tasks.students.base import TrainingData
from tasks.students.mi_fuse import MIFuseSettings

CLASSES = ["angry", "happy", "sad"]


def means_of(data: TrainingData) -> torch.Tensor:
    return data.features.rows(range(len(data))).means_BLD()


def test_an_epoch_sees_every_clip_once(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    data = data_of()
    loop = MIFuseSettings(recipe="paper", batch_size=4, teacher_refresh="never").loop(watched_head, data, CLASSES)
    orders = []
    for _ in range(2):
        watched_head.passes.clear()
        for _ in range(3):
            loop.advance()
        seen = torch.cat([features for features, _, _ in watched_head.passes])[:, 0, 0].tolist()
        assert sorted(seen) == sorted(means_of(data)[:, 0, 0].tolist())
        orders.append(seen)
    assert orders[0] != orders[1]


def test_a_last_batch_that_is_not_full_is_left_out(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    loop = MIFuseSettings(recipe="paper", batch_size=5, teacher_refresh="never").loop(watched_head, data_of(), CLASSES)
    for _ in range(4):
        loop.advance()
    assert [len(features) for features, _, _ in watched_head.passes] == [5, 5, 5, 5]
    first, second = (watched_head.passes[i][0][:, 0, 0].tolist() for i in (0, 1))
    assert not set(first) & set(second)


def test_fewer_clips_than_a_batch_are_one_batch(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    loop = MIFuseSettings(recipe="paper", batch_size=32, teacher_refresh="never").loop(
        watched_head, data_of(n=5), CLASSES
    )
    for _ in range(2):
        loop.advance()
    assert [len(features) for features, _, _ in watched_head.passes] == [5, 5]


@pytest.mark.parametrize(
    ("refresh", "asked"),
    [("never", []), ("epoch", [(0, 4)] * 3 + [(3, 4)] * 3), ("step", [(step, 4) for step in range(6)])],
    ids=["never", "epoch", "step"],
)
def test_the_moving_teacher_is_asked_as_often_as_set(
    watched_head: Any, data_of: Callable[..., TrainingData], refresh: str, asked: list[tuple[int, int]]
) -> None:
    """Six steps of four of the twelve clips: in which steps it is asked, and about how many clips at once."""
    settings = MIFuseSettings.model_validate({"recipe": "paper", "batch_size": 4, "teacher_refresh": refresh})
    loop, found = settings.loop(watched_head, data_of(), CLASSES), []
    for step in range(6):
        watched_head.passes.clear()
        loop.advance()
        found += [(step, len(features)) for features, masks, _ in watched_head.passes if masks.pooled_NKD.shape[1] > 1]
    assert found == asked


def flat(masks: Masks) -> torch.Tensor:
    return masks.pooled_NKD.flatten()


def test_the_teacher_and_the_student_draw_other_masks(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    MIFuseSettings(recipe="paper", batch_size=12).loop(watched_head, data_of(), CLASSES).advance()
    (_, teachers, _), (_, students, _) = watched_head.passes
    assert not torch.equal(flat(teachers)[: flat(students).numel()], flat(students))


def test_each_step_draws_masks_of_its_own(watched_head: Any, data_of: Callable[..., TrainingData]) -> None:
    loop = MIFuseSettings(recipe="paper", batch_size=12).loop(watched_head, data_of(), CLASSES)
    for _ in range(2):
        loop.advance()
    (_, teachers, _), (_, students, _), (_, next_teachers, _), (_, next_students, _) = watched_head.passes
    assert not torch.equal(flat(teachers), flat(next_teachers))
    assert not torch.equal(flat(students), flat(next_students))


@pytest.mark.parametrize("other", [1, 2**31, 2**32, 2**40])
def test_another_seed_gives_another_order_and_other_masks(
    watched_head: Any, data_of: Callable[..., TrainingData], other: int
) -> None:
    for seed in (0, other):
        MIFuseSettings(recipe="paper", batch_size=12, seed=seed).loop(watched_head, data_of(), CLASSES).advance()
    (first, teachers, _), (_, students, _), (second, other_teachers, _), (_, other_students, _) = watched_head.passes
    assert not torch.equal(first, second)
    assert not torch.equal(flat(teachers), flat(other_teachers))
    assert not torch.equal(flat(students), flat(other_students))
