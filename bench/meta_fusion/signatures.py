"""Check: the three signs that a cohort was not worth its cost, provoked; and that healthy cohorts show none."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.meta_fusion.kept import Outcome
from bench.meta_fusion.representations import as_tensor, modalities_of
from bench.meta_fusion.settings import SETTINGS, SHARED, Array, Setting, standardised
from bench.meta_fusion.trial import Data, Trial
from tasks.students.cohorts.cohort import Training
from tasks.students.cohorts.members import Modality, Representation
from tasks.students.cohorts.signs import signs

ALIKE, BELOW, LESS = "students all alike", "the ensemble is worse than its best", "more modalities are worse"
Make = Callable[[Data], list[Modality]]

# Features of nobody's latents, five times as many as the first modality has.
_DISTRACTING = Setting("a distracting modality", (400, 2000), (30, 30), 20, (0.4, 0.4), None, "linear", unrelated=True)


def all_of(data: Data) -> list[Modality]:
    """As everywhere else: the healthy cohort."""
    return modalities_of(data.sample.values)


def raw_alone(data: Data) -> list[Modality]:
    """All features of each modality, and nothing else."""
    return [_of(f"modality {m}", {"raw": standardised(each)}) for m, each in enumerate(data.sample.values, start=1)]


def the_same_thrice(data: Data) -> list[Modality]:
    """A modality that tells nothing of the answer, in three copies: what is learnt from it is the answer's mean."""
    noise_ND = standardised(data.sample.values[1])
    return [_of("noise", {f"copy {i}": noise_ND for i in range(3)})]


def less_and_less(data: Data) -> list[Modality]:
    """All features, then few of its components: the worse members' errors are the best one's and more."""
    raw = {each.name: each.values_ND.double().numpy() for each in all_of(data)[1].representations}
    few = {f"{k} components": standardised(raw["16 components"][:, :k]) for k in (12, 8)}
    return [_of("modality 2", {"raw": raw["raw"]} | few)]


def _of(name: str, values: dict[str, Array]) -> Modality:
    return Modality(name, [Representation(told, as_tensor(values_ND)) for told, values_ND in values.items()])


PROVOKED: dict[str, tuple[Setting, Make]] = {
    f"copies of noise ({ALIKE})": (
        Setting("noise", (100, 100), (20, 20), 20, (0.4, 0.4), None, "linear", unrelated=True),
        the_same_thrice,
    ),
    f"ever fewer components ({BELOW})": (SHARED, less_and_less),
    f"2000 features of nothing ({LESS})": (_DISTRACTING, raw_alone),
}
HEALTHY: dict[str, tuple[Setting, Make]] = {setting.name: (setting, all_of) for setting in SETTINGS}


def signs_of(trial: Trial, make: Make) -> Outcome:
    """Which signs the core tells: 1 where it does, so that a mean is a share of the seeds."""
    started, data = time.process_time(), Data(trial)
    course, lesson = trial.course(), data.lesson(make(data))
    told = signs(course, lesson, Training(course, lesson).run())
    found = {sign: float(any(each.startswith(sign) for each in told)) for sign in (ALIKE, BELOW, LESS)}
    return Outcome(found, {"signs": told}, time.process_time() - started)
