"""Check: what a further modality costs."""

from __future__ import annotations

import time
from dataclasses import replace

from bench.meta_fusion.kept import Outcome
from bench.meta_fusion.representations import modalities_of
from bench.meta_fusion.settings import Setting
from bench.meta_fusion.trial import Data, Trial
from tasks.students.cohorts.cohort import Training


def setting_of(n: int) -> Setting:
    """Modalities of 100 features, alike, each with latents of its own, and shared ones that the answer depends on."""
    return Setting(f"{n} modalities", (100,) * n, (20,) * n, 10, (0.6,) * n, shared_form="linear")


def cost(trial: Trial) -> Outcome:
    """Two epochs alone and two taught: what a longer training costs is a multiple of it."""
    data = Data(trial)
    lesson = data.lesson(modalities_of(data.sample.values))
    started = time.process_time()
    cohort = Training(replace(trial, epochs=2).course(rhos=(0.99,)), lesson).run()
    seconds, members = time.process_time() - started, len(cohort.members)
    figures = {"members": members, "seconds": seconds, "milliseconds per member": 1000 * seconds / members}
    return Outcome(figures, {}, seconds)
