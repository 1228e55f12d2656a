"""Single phases of a cohort's course: each with its own teachers, and the ensemble after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from bench.meta_fusion.representations import modalities_of
from bench.meta_fusion.trial import Data, Trial
from tasks.students.cohorts.clusters import clusters
from tasks.students.cohorts.course import Course, Lesson
from tasks.students.cohorts.ensemble import answers, ensemble
from tasks.students.cohorts.losses import teaching
from tasks.students.cohorts.phase import Phase, outputs_of


@dataclass(frozen=True)
class Trained:
    """All members after one phase.

    Attributes:
        losses_M: On the validation rows.
        outputs_MNC: Of all rows.
    """

    losses_M: torch.Tensor
    outputs_MNC: torch.Tensor


class Phases:
    """The members of a trial's cohort, trained alone once, then with any teachers."""

    def __init__(self, trial: Trial) -> None:
        self.data = Data(trial)
        self.lesson: Lesson = self.data.lesson(modalities_of(self.data.sample.values))
        self._course: Course = replace(trial.course(), rhos=())
        self.alone = self.trained(0.0, None)

    def trained(self, rho: float, teachers_M: torch.Tensor | None) -> Trained:
        """One phase; teachers None: everybody alone."""
        taught_by = None if teachers_M is None else teaching(teachers_M)
        phase = Phase(self._course, self.lesson, rho, taught_by)
        while phase.step < self._course.steps:
            phase.advance()
        rows_N = torch.arange(len(self.lesson.target_NC))
        return Trained(phase.best_M, outputs_of(phase.best, self.lesson, rows_N))

    def top_M(self, k: int | None = None) -> torch.Tensor:
        """Which members are in the top cluster after the phase alone, with k clusters or the best number."""
        found_M = clusters(self.alone.losses_M.double().numpy(), self._course.seed, k)
        return torch.from_numpy(found_M == 0)

    def ensemble_error(self, trained: Trained, prune: float = 0.2) -> float:
        """On the test rows."""
        rows_V = self.lesson.validation_R
        judged = (trained.outputs_MNC[:, rows_V], self.lesson.target_NC[rows_V], trained.losses_M)
        weights_M = ensemble("regression", *judged, prune)
        return self.data.error(answers(trained.outputs_MNC, weights_M, trained.losses_M))

    def mean_error(self, trained: Trained, of_M: torch.Tensor) -> float:
        """Mean over these members' own errors on the test rows."""
        errors = [self.data.error(outputs_NC) for outputs_NC in trained.outputs_MNC[of_M]]
        return sum(errors) / len(errors)
