"""One data set, and what the cohort and the single strategies make of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bench.meta_fusion.kept import Outcome
from bench.meta_fusion.networks import early, n_networks, repeated
from bench.meta_fusion.representations import as_tensor, modalities_of, scale_of
from bench.meta_fusion.settings import ROWS, Rows, Sample, Setting, draw
from tasks.students.cohorts.cohort import Cohort, Training
from tasks.students.cohorts.course import Course, Lesson, lesson_of
from tasks.students.cohorts.members import Modality

_BATCH = 64
RHOS = (0.99, 3.0)


@dataclass(frozen=True)
class Trial:
    """What the outcome depends on."""

    setting: Setting
    seed: int
    epochs: int = 12

    def course(self, rhos: tuple[float, ...] = RHOS) -> Course:
        """Twenty batches an epoch, looked at after each epoch."""
        per_epoch = (ROWS["train"].stop - ROWS["train"].start) // _BATCH
        steps = self.epochs * per_epoch
        return Course("regression", steps, per_epoch, rhos, _BATCH, seed=self.seed)


class Data:
    """The rows of a trial as the cohort takes them."""

    def __init__(self, trial: Trial) -> None:
        self.sample = draw(trial.setting, trial.seed)
        self._mean, self._scale = scale_of(self.sample)
        self.target_NC = as_tensor((self.sample.y_N - self._mean) / self._scale)[:, None]

    def lesson(self, modalities: list[Modality]) -> Lesson:
        """All members that these make, trained and chosen on their rows."""
        train_R, validation_R = (torch.arange(2000)[ROWS[part]] for part in ("train", "validation"))
        return lesson_of(modalities, self.target_NC, train_R, validation_R)

    def error(self, answer_NC: torch.Tensor, rows: Rows | slice = ROWS["test"]) -> float:
        """Mean squared error of a standardised answer, in the answer's own unit."""
        apart_N = (answer_NC - self.target_NC)[:, 0].double().numpy()[rows]
        return float(np.mean(apart_N**2)) * self._scale**2


def cohort_outcome(trial: Trial) -> Outcome:
    """The cohort, and the strategies that are members of it: each modality, early and late, trained alone."""
    started, data = time.process_time(), Data(trial)
    lesson = data.lesson(modalities_of(data.sample.values))
    alone = Training(trial.course(rhos=()), lesson).run()
    cohort = Training(trial.course(), lesson).run()
    errors = single_strategies(data, lesson, alone.outputs_MNC)
    errors["best member"] = data.error(cohort.outputs_MNC[int(cohort.losses_M.argmin())])
    errors["ensemble"] = data.error(cohort.answers_NC)
    return Outcome(errors, told_of(cohort, data.sample), time.process_time() - started)


def single_strategies(data: Data, lesson: Lesson, alone_MNC: torch.Tensor) -> dict[str, float]:
    """Test errors of the members that hear features, not latents: a network's budget each, two networks' for late."""
    raw = {
        tuple(modality for modality, _ in member.parts): alone_MNC[m]
        for m, member in enumerate(lesson.members)
        if all(representation == "raw" for _, representation in member.parts)
    }
    singles = {names[0]: answer_NC for names, answer_NC in raw.items() if len(names) == 1}
    everything = max(raw, key=len)
    told = {name: data.error(singles[name]) for name in sorted(singles)}
    told["early"] = data.error(raw[everything])
    told["late"] = data.error(torch.stack([*singles.values()]).mean(dim=0))
    return told


def told_of(cohort: Cohort, sample: Sample) -> dict[str, Any]:
    """What else a table may say."""
    return {
        "variance": sample.variance(),
        "rho": cohort.rho,
        "top": int((cohort.clusters_M == 0).sum()),
        "clusters": int(cohort.clusters_M.max()) + 1,
        "members": len(cohort.members),
        "in ensemble": int((cohort.weights_M > 0).sum()),
    }


def budget_outcome(trial: Trial) -> Outcome:
    """Early and late fusion by as many networks as the cohort's training would have paid for."""
    started, data = time.process_time(), Data(trial)
    values = data.sample.values
    lesson = data.lesson(modalities_of(values))
    widths = [values_ND.shape[1] for values_ND in lesson.values]
    n = n_networks(lesson.members, widths, trial.setting.dims, phases=1 + len(RHOS))
    together = mean_answer(trial, data, early(values, n))
    apart = [mean_answer(trial, data, repeated(f"modality {m}", each, n)) for m, each in enumerate(values, start=1)]
    errors = {"early, equal budget": together, "late, equal budget": torch.stack(apart).mean(dim=0)}
    return Outcome(
        {name: data.error(answer_NC) for name, answer_NC in errors.items()},
        {"networks": n},
        time.process_time() - started,
    )


def mean_answer(trial: Trial, data: Data, modality: Modality) -> torch.Tensor:
    """What all networks that hear this say, each alone, on average; shape (N, C)."""
    outputs_MNC = Training(trial.course(rhos=()), data.lesson([modality])).run().outputs_MNC
    return outputs_MNC.mean(dim=0)
