"""What a trainer says of itself, and what it minimises: the two promises that the loop works with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from tasks.encoders.base import Frames


class Course(Protocol):
    """The settings that every trainer has."""

    steps: int
    batch_size: int
    learning_rate: float
    clip_norm: float
    seed: int

    def optimiser(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer: ...

    def learning_rate_factor(self, step: int) -> float: ...


@dataclass(frozen=True)
class Moment:
    """One step as an objective sees it.

    Attributes:
        step: Steps done before this one.
        epoch: Which pass over the clips it belongs to.
        rows_B: Which clips.
        heard: Their features, on the CPU.
        hidden_BH: What the student's last layer hears, with dropout.
        logits_BC: What the student says, with dropout.
        pooled_BD: One vector a clip, from which both are made, before any dropout.
    """

    step: int
    epoch: int
    rows_B: torch.Tensor
    heard: Frames
    hidden_BH: torch.Tensor
    logits_BC: torch.Tensor
    pooled_BD: torch.Tensor


class Objective(Protocol):
    """What a trainer minimises."""

    def begin(self, step: int, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        """Before the student's pass, without gradients: renew labels or banks where it is time."""
        ...

    def parts(self, at: Moment) -> dict[str, torch.Tensor]:
        """Scalars that add up to the loss; their names become `loss_<name>` in the curves."""
        ...

    def learned(self) -> None:
        """After the optimiser's step: the moving teacher follows."""
        ...

    def target_BC(self) -> torch.Tensor | None:
        """The labels of this step, for the curves; None where there are none."""
        ...

    def teacher_BC(self) -> torch.Tensor | None:
        """The moving teacher's mean draw in this step, for the curves; None where it was not asked."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that its next step depends on: tensors and numbers."""
        ...

    def restore(self, state: dict[str, Any]) -> None: ...
