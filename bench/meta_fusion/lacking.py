"""Check: the last modality is not there, for a part of the rows or for all."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray

from bench.meta_fusion.kept import Outcome
from bench.meta_fusion.networks import early
from bench.meta_fusion.representations import modalities_of, representations_of
from bench.meta_fusion.settings import ROWS, Array
from bench.meta_fusion.trial import Data, Trial
from tasks.students.cohorts.cohort import Training
from tasks.students.cohorts.members import Modality


def without_last(trial: Trial, share: float) -> Outcome:
    """The cohort, modality 1 alone, and an early network that hears the mean in the place of what lacks.

    Args:
        trial: Of two modalities.
        share: Of all rows, those to test by included, that lack the second.
    """
    started, data = time.process_time(), Data(trial)
    lacks_N = np.random.default_rng(trial.seed).random(len(data.sample.y_N)) < share
    first_ND, second_ND = data.sample.values
    modalities = modalities_of([first_ND])
    if not lacks_N.all():
        modalities.append(_partly("modality 2", second_ND, lacks_N))
    answers = {"ensemble": Training(trial.course(), data.lesson(modalities)).run().answers_NC}
    # Of standardised features the mean is 0, also where no row is left to take it from.
    filled = [first_ND, np.where(lacks_N[:, None], 0, second_ND)]
    answers["early, mean in its place"] = _alone(trial, data, filled[: len(modalities)])
    answers["modality 1"] = _alone(trial, data, [first_ND])
    return Outcome(_errors(data, answers, lacks_N), {}, time.process_time() - started)


def _partly(name: str, values_ND: Array, lacks_N: NDArray[np.bool_]) -> Modality:
    train_R = np.flatnonzero(~lacks_N[ROWS["train"]])
    return Modality(name, representations_of(values_ND, train_R), torch.from_numpy(~lacks_N))


def _alone(trial: Trial, data: Data, values: list[Array]) -> torch.Tensor:
    """One network."""
    return Training(trial.course(rhos=()), data.lesson([early(values, 1)])).run().answers_NC


def _errors(data: Data, answers: dict[str, torch.Tensor], lacks_N: NDArray[np.bool_]) -> dict[str, float]:
    """Over the test rows, and over those of them that have all and that lack something, where there are such."""
    test_R = np.arange(len(lacks_N))[ROWS["test"]]
    parts = {"": test_R, ", rows with both": test_R[~lacks_N[test_R]], ", rows without 2": test_R[lacks_N[test_R]]}
    return {
        f"{name}{part}": data.error(answer_NC, rows_R)
        for part, rows_R in parts.items()
        for name, answer_NC in answers.items()
        if len(rows_R)
    }
