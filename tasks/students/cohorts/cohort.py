"""The whole course: everybody alone, clusters, the best teach the others, and those who speak for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tasks.maths.threads import one_thread
from tasks.students.cohorts.clusters import clusters
from tasks.students.cohorts.course import Course, Lesson
from tasks.students.cohorts.ensemble import answers, ensemble
from tasks.students.cohorts.losses import teaching
from tasks.students.cohorts.members import Member
from tasks.students.cohorts.phase import Phase, outputs_of

_KEEP_EVERY = 250


@dataclass(frozen=True)
class Cohort:
    """What came out. M members, N rows, C outputs.

    Attributes:
        members: Who is in it.
        alone_M: Validation losses after phase 0.
        clusters_M: Of these; 0 is the top cluster.
        by_rho: Validation losses of each rho, 0 included.
        rho: The chosen one.
        weights_M: In the ensemble; they sum to 1.
        outputs_MNC: What each member says of all rows, also those in neither part; of rows that it cannot answer,
            something without meaning.
        answers_NC: What the ensemble says.
    """

    members: Sequence[Member]
    alone_M: torch.Tensor
    clusters_M: torch.Tensor
    by_rho: dict[float, torch.Tensor]
    rho: float
    weights_M: torch.Tensor
    outputs_MNC: torch.Tensor
    answers_NC: torch.Tensor

    @property
    def losses_M(self) -> torch.Tensor:
        """Validation losses of the members as they are."""
        return self.by_rho[self.rho]


class Training:
    """The state of the whole course: its phases one after the other, the best of them kept.

    Args:
        course: How.
        lesson: What: see `course.lesson_of`.
    """

    def __init__(self, course: Course, lesson: Lesson) -> None:
        if 0 in course.rhos or len({*course.rhos}) < len(course.rhos):
            raise ValueError(f"rhos {[*course.rhos]}: each once, and without 0, which is always tried")
        self._course, self._lesson = course, lesson
        self._rhos = [0.0, *course.rhos]
        self._losses: list[torch.Tensor] = []  # of each phase that is done
        self._clusters_M = torch.zeros(0, dtype=torch.long)
        self._chosen: tuple[int, dict[str, Any]] | None = None  # phase, weights
        self._phase = Phase(course, lesson)

    @property
    def step(self) -> int:
        """Steps done, of all phases."""
        done = len(self._losses) * self._course.steps
        return done + (self._phase.step if len(self._losses) < len(self._rhos) else 0)

    def run(
        self,
        resume: dict[str, Any] | None = None,
        keep: Callable[[dict[str, Any]], object] = lambda state: None,
        report: Callable[[int], object] = lambda steps: None,
        note: Callable[[dict[str, float]], object] = lambda point: None,
    ) -> Cohort:
        """All steps that are left.

        Args:
            resume: Where an earlier run was stopped.
            keep: Called with the state after each phase and now and then within one.
            report: Called with the number of steps done since the last call.
            note: Called with a point of the curves at each look.

        Raises:
            TrainingError: A loss that is not finite.
        """
        if resume is not None:
            self.restore(resume)
        while len(self._losses) < len(self._rhos):
            rho = self._rhos[len(self._losses)]
            point = self._phase.advance()
            report(1)
            if point is not None:
                note({"step": float(self.step)} | point | {"rho": rho})
            ended = self._phase.step == self._course.steps
            if ended:
                self._end_phase()
            if ended or self._phase.step % _KEEP_EVERY == 0:
                keep(self.state())
        return self._cohort()

    def _end_phase(self) -> None:
        done = len(self._losses)
        self._losses.append(self._phase.best_M)
        if done == 0:
            found_M = clusters(self._phase.best_M.double().numpy(), self._course.seed, self._course.clusters)
            self._clusters_M = torch.from_numpy(found_M)
        if self._chosen is None or self._at_top(done) < self._at_top(self._chosen[0]):
            self._chosen = done, self._phase.best.state_dict()
        if done + 1 < len(self._rhos):
            self._phase = self._next_phase()

    def _at_top(self, phase: int) -> float:
        return self._losses[phase][self._clusters_M == 0].double().mean().item()

    def _next_phase(self) -> Phase:
        if not self._losses:
            return Phase(self._course, self._lesson)
        teachers_M = (self._clusters_M == 0) | self._course.everyone_teaches
        return Phase(self._course, self._lesson, self._rhos[len(self._losses)], teaching(teachers_M))

    def _cohort(self) -> Cohort:
        assert self._chosen is not None, "no phase has ended"
        course, lesson, losses_M = self._course, self._lesson, self._losses[self._chosen[0]]
        self._phase.best.load_state_dict(self._chosen[1])
        rows_V = lesson.validation_R
        with one_thread():
            outputs_MNC = outputs_of(self._phase.best, lesson, torch.arange(len(lesson.target_NC)))
            judged = (outputs_MNC[:, rows_V], lesson.target_NC[rows_V], losses_M)
            weights_M = ensemble(course.task, *judged, course.prune, lesson.can(rows_V))
            answers_NC = answers(outputs_MNC, weights_M, losses_M, lesson.can_MN)
        by_rho = dict(zip(self._rhos, self._losses, strict=True))
        rho = self._rhos[self._chosen[0]]
        return Cohort(
            lesson.members, self._losses[0], self._clusters_M, by_rho, rho, weights_M, outputs_MNC, answers_NC
        )

    def state(self) -> dict[str, Any]:
        """Everything that its next step depends on: tensors and numbers."""
        chosen = None if self._chosen is None else [*self._chosen]
        going = self._phase.state() if len(self._losses) < len(self._rhos) else None
        return {"losses": list(self._losses), "clusters": self._clusters_M, "chosen": chosen, "phase": going}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self._losses, self._clusters_M = list(state["losses"]), state["clusters"]
        self._chosen = None if state["chosen"] is None else (state["chosen"][0], state["chosen"][1])
        if state["phase"] is not None:
            self._phase = self._next_phase()
            self._phase.restore(state["phase"])
