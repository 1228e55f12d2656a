"""The MI-Fuse trainer: labels fused anew at each step with a teacher that follows the student (arXiv:2509.20706)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.contracts.errors import TrainingError
from tasks.contracts.settings import Settings

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students.base import Checkpoint, Student, TrainingData

_CHECKPOINT_EVERY = 250
_REPORT_EVERY = 25


class MIFuseSettings(Settings):
    """`student: {kind: mi_fuse}`. The defaults are the paper's recipe where it states one."""

    kind: Literal["mi_fuse"] = "mi_fuse"
    recipe: Literal["paper"] = "paper"
    start: Literal["classifier"] = "classifier"
    ema: float = Field(default=0.999, ge=0, lt=1)
    diversity: float = Field(default=1.0, ge=0)
    teacher_refresh: Literal["step", "epoch", "never"] = "step"  # when the classifier's part of the labels is renewed
    steps: int = Field(default=1500, ge=1)
    batch_size: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)  # share of the steps
    clip_norm: float = Field(default=1.0, gt=0)
    seed: int = Field(default=0, ge=0)

    def train(
        self,
        start: Head,
        data: TrainingData,
        classes: Sequence[str],
        resume: Checkpoint | None,
        keep: Callable[[Checkpoint], None],
        report: Callable[[int], object],
    ) -> Student:
        """Trains a student that starts from the classifier.

        The order of the clips and all masks derive from seed and step alone, so that a run that goes on from a
        checkpoint ends in the same weights.

        Args:
            start: The source classifier; left as it is.
            data: The target's clips.
            classes: Names for the curves.
            resume: Where an earlier run was stopped.
            keep: Called with a checkpoint now and then.
            report: Called with the number of steps done since the last call.

        Raises:
            TrainingError: Fewer than two clips, or a loss that is not finite.
        """
        from tasks.students.mi_fuse_loop import Loop

        if len(data) < 2:
            raise TrainingError(f"{len(data)} clips have a pseudo-label; training needs at least 2.")
        loop = Loop(self, copy.deepcopy(start), data, classes)
        if resume is not None:
            loop.restore(resume)
        while loop.step < self.steps:
            loop.advance()
            report(1)
            if loop.step % _CHECKPOINT_EVERY == 0 and loop.step < self.steps:
                keep(loop.checkpoint())
        return loop.student()

    def learning_rate_factor(self, step: int) -> float:
        """Linear warm-up, then a half cosine to 0.

        >>> [round(MIFuseSettings(steps=100, warmup=0.1).learning_rate_factor(s), 2) for s in (0, 9, 10, 55, 100)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        """
        warmup = int(self.warmup * self.steps)
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, self.steps - warmup)))

    def reports(self, step: int) -> bool:
        """Whether the curves get a point after this step."""
        return step % _REPORT_EVERY == 0 or step in (1, self.steps)
