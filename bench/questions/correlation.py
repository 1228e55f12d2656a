"""Does fusing pay less where both teachers err together? Gain against the correlation of their errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.questions.asked import Answer, Asked
from bench.questions.cases import Case, cases_of, with_interval
from bench.questions.drawing import save
from bench.tables import Table
from bench.transfers.board import CLASSIFIER, LALM
from bench.transfers.bootstrap import mean_of
from bench.transfers.lalm import Lalm
from bench.transfers.matrix import Part
from bench.transfers.planning import results_of

METHODS = ("equal", "paper", "best")
_DIALS = (0.0, 0.5, 0.8, 1.0)
_RANGES = ("ρ < .4", ".4 ≤ ρ ≤ .8", "ρ > .8")
_SAID = """\
Both teachers wrong about the same clips: ρ is the correlation of their error indicators over the target's clips (the
mean over the seeds), turned by the dial `correlation` of the stand-in `third` at 0, .5, .8 and 1. Gain is UA minus that
of the better teacher of that transfer, in points; 95 % by a bootstrap over the targets' speakers."""


def answer(asked: Asked) -> Answer:
    """Every transfer with every turn of the dial."""
    scenes = [asked.scene(Lalm("third", correlation=dial)) for dial in _DIALS]
    parts = [Part(scene, asked.seeds, (CLASSIFIER, LALM, *METHODS)) for scene in scenes]
    cases = cases_of(results_of(parts, asked.data))
    return Answer(
        "Gain against the correlation of the teachers' errors", _SAID, [table_of(cases)], lambda file: draw(cases, file)
    )


def table_of(cases: Sequence[Case]) -> Table:
    """One row per range of ρ; a range without a case is told as such."""
    header = [
        "errors",
        "cases",
        "mean ρ",
        "classifier",
        "LALM",
        *(f"{m} [95 %]" for m in METHODS),
        "best − paper [95 %]",
    ]
    table = Table("Gain over the better teacher", header)
    for name in _RANGES:
        here = [case for case in cases if range_of(case.error_correlation) == name]
        table.rows.append([name, str(len(here)), *(_row(here) if here else ["–"] * (len(header) - 2))])
    return table


def range_of(rho: float) -> str:
    """The middle range holds both of its ends.

    >>> [range_of(rho) for rho in (0.39, 0.4, 0.8, 0.81)]
    ['ρ < .4', '.4 ≤ ρ ≤ .8', '.4 ≤ ρ ≤ .8', 'ρ > .8']
    """
    return _RANGES[(rho >= 0.4) + (rho > 0.8)]


def _row(cases: Sequence[Case]) -> list[str]:
    rho = f"{np.mean([case.error_correlation for case in cases]):.2f}"
    teachers = [f"{mean_of([case.ua(teacher) for case in cases]).value:.1f}" for teacher in (CLASSIFIER, LALM)]
    gains = [with_interval(mean_of([case.gain(method) for case in cases])) for method in METHODS]
    over_paper = mean_of([case.ua("best") - case.ua("paper") for case in cases])
    return [rho, *teachers, *gains, with_interval(over_paper)]


def draw(cases: Sequence[Case], file: Path) -> None:
    """A point per case and method, and the mean of each range."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    panel = figure.subplots()
    for method in METHODS:
        rhos = [case.error_correlation for case in cases]
        (drawn,) = panel.plot(rhos, [case.gain(method).value for case in cases], "o", markersize=4, alpha=0.4)
        means = [
            (np.mean([c.error_correlation for c in here]), np.mean([c.gain(method).value for c in here]))
            for name in _RANGES
            if (here := [c for c in cases if range_of(c.error_correlation) == name])
        ]
        panel.plot(*zip(*means, strict=True), "-s", color=drawn.get_color(), label=method)
    panel.axhline(0, color="grey", linewidth=0.8)
    panel.set(xlabel="correlation of the teachers' errors ρ", ylabel="UA over the better teacher, points")
    panel.legend()
    save(figure, file)
