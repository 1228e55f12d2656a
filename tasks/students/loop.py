"""One step after the other, whatever is minimised: order, dropout, optimiser, curves, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import torch

from tasks.encoders.base import Frames
from tasks.maths.threads import one_thread
from tasks.networks.head import Head
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.chance import DROPOUT, ORDER, Chance
from tasks.students.curves import point_of
from tasks.students.faults import check_heard, not_finite
from tasks.students.milestones import Keep, Milestones
from tasks.students.objective import Course as Course
from tasks.students.objective import Moment as Moment
from tasks.students.objective import Objective as Objective

_CHECKPOINT_EVERY = 250
_REPORT_EVERY = 25


class Loop:
    """The state of training: student, objective, optimiser, step."""

    def __init__(
        self,
        course: Course,
        head: Head,
        data: TrainingData,
        classes: Sequence[str],
        objective: Objective,
        keep: Keep = "last",
    ) -> None:
        self.step = 0
        self._course, self._data, self._classes, self._objective = course, data, list(classes), objective
        self._head = head.train()
        self._chance = Chance(course.seed)
        self._parameters = [parameter for parameter in head.parameters() if parameter.requires_grad]
        self._optimiser = course.optimiser(self._parameters)
        self._rates = [group["lr"] for group in self._optimiser.param_groups]
        self._milestones = Milestones(data, course.steps, course.batch_size, keep)
        self._curves: list[dict[str, float]] = []
        self._order: tuple[int, torch.Tensor] | None = None  # of which epoch

    def run(
        self,
        resume: Checkpoint | None,
        keep: Callable[[Checkpoint], None],
        report: Callable[[int], object],
        note: Callable[[dict[str, float]], object] = lambda point: None,
    ) -> Student:
        """All steps that are left.

        Args:
            resume: Where an earlier run was stopped.
            keep: Called with a checkpoint now and then.
            report: Called with the number of steps done since the last call.
            note: Called with each point of the curves.
        """
        if resume is not None:
            self.restore(resume)
        else:
            self._milestones.pass_by(0, self._head)
        while self.step < self._course.steps:
            noted = len(self._curves)
            self.advance()
            self._milestones.pass_by(self.step, self._head)
            report(1)
            for point in self._curves[noted:]:
                note(point)
            if self.step % _CHECKPOINT_EVERY == 0 and self.step < self._course.steps:
                keep(self.checkpoint())
        return self.student()

    def advance(self) -> None:
        """One optimiser step."""
        epoch, rows_B = self._rows()
        # An encoder that hears the clips anew may use more than one thread; the head learns on the CPU.
        heard = self._data.features.rows(rows_B.tolist()).to("cpu")
        check_heard(heard, rows_B, self._data.names, self.step)
        with one_thread():
            with torch.no_grad():
                self._objective.begin(self.step, epoch, rows_B, heard)
            self._learn(epoch, rows_B, heard)

    def _learn(self, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        masks = self._head.keyed_masks(self._chance.keys(DROPOUT, self.step, rows_B))
        pooled_BD = self._head.pooled(heard)
        hidden_B1H = self._head.hidden(heard, masks, pooled_BD)
        logits_BC = self._head.logits(hidden_B1H, masks)[:, 0]
        parts = self._objective.parts(Moment(self.step, epoch, rows_B, heard, hidden_B1H[:, 0], logits_BC, pooled_BD))
        loss = reduce(torch.add, parts.values())
        self._descend(loss)
        self._objective.learned()
        self.step += 1
        if self.step % _REPORT_EVERY == 0 or self.step in (1, self._course.steps):
            target_BC, teacher_BC = self._objective.target_BC(), self._objective.teacher_BC()
            self._curves.append(point_of(self.step, loss, parts, logits_BC, self._classes, target_BC, teacher_BC))

    def _descend(self, loss: torch.Tensor) -> None:
        """One step of the optimiser.

        Raises:
            TrainingError: The loss or its gradient is not finite; the weights are then as before the step.
        """
        if not math.isfinite(loss.item()):
            raise not_finite(f"the loss is {loss.item()}", self.step, self._course.learning_rate)
        for parameter in self._parameters:
            parameter.grad = None
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._course.clip_norm)
        if not math.isfinite(norm.item()):
            raise not_finite(f"the norm of the gradient is {norm.item()}", self.step, self._course.learning_rate)
        factor = self._course.learning_rate_factor(self.step)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = factor * rate
        self._optimiser.step()

    def _rows(self) -> tuple[int, torch.Tensor]:
        """Which clips: an epoch is a permutation; a last batch that is not full is left out of it."""
        size = min(self._course.batch_size, len(self._data))
        epoch, batch = divmod(self.step, len(self._data) // size)
        if self._order is None or self._order[0] != epoch:
            generator = self._chance.generator(ORDER, epoch)
            self._order = epoch, torch.randperm(len(self._data), generator=generator)
        return epoch, self._order[1][batch * size : (batch + 1) * size]

    def checkpoint(self) -> Checkpoint:
        """Everything that the next step depends on."""
        state = {
            "head": self._head.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "objective": self._objective.state(),
            "milestones": self._milestones.state(),
        }
        return Checkpoint(self.step, state, list(self._curves))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on from there."""
        self.step = checkpoint.step
        self._head.load_state_dict(checkpoint.state["head"])
        self._optimiser.load_state_dict(checkpoint.state["optimiser"])
        self._objective.restore(checkpoint.state["objective"])
        self._milestones.restore(checkpoint.state["milestones"])
        self._curves = list(checkpoint.curves)

    def student(self) -> Student:
        """The trained head, ready to predict."""
        return Student(self._milestones.end_with(self._head.eval()), self._curves, self._milestones.named())
