"""Two modalities that each tell a part of a number, or of a class."""

from typing import Any

import torch

from tasks.students.cohorts.course import Course, Lesson, lesson_of
from tasks.students.cohorts.members import Modality, Representation

N = 160


def seen(seed: int, d: int) -> torch.Tensor:
    return torch.randn(N, d, generator=torch.Generator().manual_seed(seed))


def modalities(missing: bool = False) -> list[Modality]:
    x, z = seen(0, 6), seen(1, 5)
    present_N = torch.arange(N) % 3 > 0 if missing else None
    return [
        Modality("x", [Representation("raw", x), Representation("first", x[:, :2])]),
        Modality("z", [Representation("raw", z), Representation("first", z[:, :3])], present_N),
    ]


def target(task: str = "regression") -> torch.Tensor:
    y_N1 = seen(0, 6)[:, :1] + seen(1, 5)[:, :1]
    return y_N1 if task == "regression" else torch.cat([y_N1, -y_N1], dim=1).mul(2).softmax(dim=-1)


def lesson(task: str = "regression", missing: bool = False, **changed: Any) -> Lesson:
    given: dict[str, Any] = {"modalities": modalities(missing), "target_NC": target(task)}
    given |= {"train_R": torch.arange(96), "validation_R": torch.arange(96, 128)}
    return lesson_of(**given | changed)


def course(task: Any = "regression", **changed: Any) -> Course:
    return Course(**{"task": task, "steps": 12, "look_every": 4, "batch_size": 32} | changed)
