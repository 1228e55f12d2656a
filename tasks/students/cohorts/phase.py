"""One training of all members, each alone or taught by others: the weights of each one's best look are kept."""

from __future__ import annotations

import math
from typing import Any

import torch

from tasks.maths.threads import one_thread
from tasks.students.chance import ORDER, Chance
from tasks.students.cohorts.course import Course, Lesson
from tasks.students.cohorts.halves import Halves
from tasks.students.cohorts.losses import divergences, mean_over, task_losses
from tasks.students.faults import not_finite

_CHUNK_ROWS = 1024


class Phase:
    """The state of one phase.

    Every phase begins with the same weights and sees the same batches.

    Args:
        course: How.
        lesson: What.
        rho: How strongly the others teach.
        teaching_MM: Who teaches whom: see `losses.divergences`. None: nobody.

    Attributes:
        step: Steps done.
        best: Each member's weights of its best look.
        best_M: The validation losses of these.
    """

    def __init__(
        self, course: Course, lesson: Lesson, rho: float = 0.0, teaching_MM: torch.Tensor | None = None
    ) -> None:
        self._course, self._lesson, self._rho, self._teaching_MM = course, lesson, rho, teaching_MM
        self.step, self._rate = 0, course.learning_rate
        widths = [values_ND.shape[1] for values_ND in lesson.values]
        shape = (lesson.members, widths, lesson.target_NC.shape[1], course.seed)
        self._now, self.best = Halves(*shape), Halves(*shape)
        self.best_M = torch.full((len(lesson.members),), math.inf)
        self._optimisers = self._now.optimisers(course.learning_rate)
        self._chance = Chance(course.seed)
        self._order: tuple[int, torch.Tensor] | None = None

    def advance(self) -> dict[str, float] | None:
        """One step; after it a look where it is time: mean training and mean validation loss over the members.

        Raises:
            TrainingError: A loss that is not finite.
        """
        rows_B = self._rows()
        with one_thread():
            heard, losses = self._lesson.heard(rows_B), lambda outputs_MBC: self._losses(outputs_MBC, rows_B)
            loss_M = self._now.descend(heard, losses, self._optimisers)
            self.step += 1
            if self.step % self._course.look_every and self.step < self._course.steps:
                return None
            return {"training": loss_M.mean().item(), "validation": self._look()}

    def _losses(self, outputs_MBC: torch.Tensor, rows_B: torch.Tensor) -> torch.Tensor:
        lesson, can_MB = self._lesson, self._lesson.can(rows_B)
        loss_M = mean_over(task_losses(self._course.task, outputs_MBC, lesson.target_NC[rows_B]), can_MB)
        if self._teaching_MM is not None:
            apart_MB = divergences(self._course.task, outputs_MBC, self._teaching_MM, can_MB)
            loss_M = loss_M + self._rho * mean_over(apart_MB, can_MB)
        if not loss_M.isfinite().all():
            raise not_finite("the loss of a member of the cohort is not finite", self.step, self._rate)
        return loss_M

    def _look(self) -> float:
        rows_V = self._lesson.validation_R
        losses_MV = task_losses(
            self._course.task, outputs_of(self._now, self._lesson, rows_V), self._lesson.target_NC[rows_V]
        )
        losses_M = mean_over(losses_MV, self._lesson.can(rows_V))
        if not losses_M.isfinite().all():
            raise not_finite("the validation loss of a member of the cohort is not finite", self.step - 1, self._rate)
        better_M = losses_M < self.best_M
        self.best.take(self._now, better_M)
        self.best_M = losses_M.where(better_M, self.best_M)
        return losses_M.mean().item()

    def _rows(self) -> torch.Tensor:
        """An epoch is a permutation; a last batch that is not full is left out of it."""
        rows_R = self._lesson.train_R
        size = min(self._course.batch_size, len(rows_R))
        epoch, batch = divmod(self.step, len(rows_R) // size)
        if self._order is None or self._order[0] != epoch:
            generator = self._chance.generator(ORDER, epoch)
            self._order = epoch, rows_R[torch.randperm(len(rows_R), generator=generator)]
        return self._order[1][batch * size : (batch + 1) * size]

    def state(self) -> dict[str, Any]:
        """Everything that its next step depends on."""
        return {
            "step": self.step,
            "now": self._now.state_dict(),
            "best": self.best.state_dict(),
            "best_losses": self.best_M,
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self.step, self.best_M = state["step"], state["best_losses"]
        self._now.load_state_dict(state["now"])
        self.best.load_state_dict(state["best"])
        for optimiser, kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)


@torch.no_grad()
def outputs_of(halves: Halves, lesson: Lesson, rows_R: torch.Tensor) -> torch.Tensor:
    """What all members say of these rows, shape (M, R, C); a chunk at a time."""
    return torch.cat([halves(lesson.heard(rows_B)) for rows_B in rows_R.split(_CHUNK_ROWS)], dim=1)
