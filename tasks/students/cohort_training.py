"""The cohort trainer at work: labels, cohort, and the one student that learns what the ensemble says of all clips."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from tasks.maths.threads import one_thread
from tasks.networks.head import Head
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.cohort import RHOS, CohortSettings
from tasks.students.cohort_representations import modalities_of
from tasks.students.cohort_split import split
from tasks.students.cohorts.cohort import Cohort, Training
from tasks.students.cohorts.course import Course, Lesson, lesson_of
from tasks.students.cohorts.signs import signs
from tasks.students.faults import check_labels

_LOOKS = 30  # at the validation clips, in each phase
Point = dict[str, float]


def train_cohort(
    settings: CohortSettings,
    start: Head,
    data: TrainingData,
    classes: Sequence[str],
    resume: Checkpoint | None,
    keep: Callable[[Checkpoint], None],
    report: Callable[[int], object],
    note: Callable[[Point], object],
) -> Student:
    """See `CohortSettings.train`."""
    head = copy.deepcopy(start)
    learnt = settings.distilling.prepared(head, data, classes)
    kinds = [each.kind for each in settings.beside(start.config.encoder)]
    course, lesson = course_of(settings), lesson_for(settings, learnt, kinds)
    curves = [] if resume is None else list(resume.curves)
    told = _Told(curves, note)
    training = Training(course, lesson)
    cohort = training.run(
        resume.state["cohort"] if resume else None,
        keep=lambda state: keep(Checkpoint(training.step, {"cohort": state, "distilling": None}, list(curves))),
        report=report,
        note=lambda point: told.add(_of_cohort(point)),
    )
    distilled = replace(learnt, labels_NC=cohort.answers_NC.softmax(dim=-1))
    check_labels(distilled.labels_NC, classes)
    student = _distil(settings, head, distilled, classes, resume, training, keep, report, told)
    return replace(
        student,
        labels_NC=learnt.labels_NC if settings.labels == "generative" else None,
        cohort=rows_of(cohort),
        warnings=[*settings.heard_twice(start.config.encoder), *signs(course, lesson, cohort)],
    )


def course_of(settings: CohortSettings) -> Course:
    """How the members learn."""
    look_every = max(1, settings.member_steps // _LOOKS)
    return Course("classes", settings.member_steps, look_every, RHOS, seed=settings.seed)


def lesson_for(settings: CohortSettings, data: TrainingData, kinds: Sequence[str]) -> Lesson:
    """What the members hear and learn; a fifth of the labels is held out to choose by. `kinds`: of `data.others`."""
    train_R, validation_R = split(len(data), data.speakers, settings.seed)
    with one_thread():
        modalities = modalities_of(data, train_R, kinds)
    return lesson_of(modalities, data.labels_NC, train_R, validation_R)


def _distil(
    settings: CohortSettings,
    head: Head,
    data: TrainingData,
    classes: Sequence[str],
    resume: Checkpoint | None,
    training: Training,
    keep: Callable[[Checkpoint], None],
    report: Callable[[int], object],
    told: _Told,
) -> Student:
    """The one student; its steps are counted after the cohort's."""
    before = training.step
    cohort_points = [point for point in told.curves if point["step"] <= before]

    def kept(point: Checkpoint) -> None:
        state = {"cohort": training.state(), "distilling": vars(point)}
        keep(Checkpoint(before + point.step, state, [*cohort_points, *later(point.curves)]))

    def later(curves: Sequence[Point]) -> list[Point]:
        return [point | {"step": before + point["step"]} for point in curves]

    begun = resume.state["distilling"] if resume else None
    loop = settings.distilling.loop(head, data, classes)
    student = loop.run(Checkpoint(**begun) if begun else None, kept, report, lambda point: told.add(later([point])[0]))
    named = student.named and replace(student.named, steps=[before + step for step in student.named.steps])
    return replace(student, curves=[*cohort_points, *later(student.curves)], named=named)


class _Told:
    """Points of the curves as they come, those of an earlier run included."""

    def __init__(self, curves: list[Point], note: Callable[[Point], object]) -> None:
        self.curves, self._note = curves, note

    def add(self, point: Point) -> None:
        self.curves.append(point)
        self._note(point)


def _of_cohort(point: Point) -> Point:
    """Not under the names of the one student's losses: they are of other networks."""
    return {name if name == "step" else f"cohort_{name}": value for name, value in point.items()}


def rows_of(cohort: Cohort) -> list[dict[str, Any]]:
    """One row per member, the best first: for `cohort.parquet`."""
    order = torch.argsort(cohort.losses_M, stable=True).tolist()
    return [
        {
            "member": cohort.members[m].name,
            "modalities": len(cohort.members[m].parts),
            "loss_alone": cohort.alone_M[m].item(),
            "cluster": int(cohort.clusters_M[m]),
            "rho": cohort.rho,
            "loss": cohort.losses_M[m].item(),
            "weight": cohort.weights_M[m].item(),
        }
        for m in order
    ]
