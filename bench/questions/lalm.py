"""What the student gains with which LALM, and how often the better teacher is known without labels."""

from __future__ import annotations

from collections.abc import Sequence

from bench.questions.asked import Answer, Asked
from bench.questions.cases import Case, cases_of, with_interval
from bench.questions.naming import GUESSES, Naming, against_habit, naming_of, told
from bench.tables import Table
from bench.transfers.board import CLASSIFIER, LALM
from bench.transfers.bootstrap import mean_of
from bench.transfers.lalm import Lalm
from bench.transfers.matrix import Part, cells
from bench.transfers.planning import results_of

METHODS = ("paper", "best")
LALMS = (
    Lalm(),
    *(Lalm("third", strength=strength) for strength in (0.5, 0.75, 1.0)),
    *(Lalm("oracle", strength=recall) for recall in (0.35, 0.6, 0.85)),
)
_LOOKING = ("trust", "agreement", "certainty")
_SAID = """\
Gain is UA minus that of the better teacher of that transfer, in points, the mean over all transfers; worst: on the
transfer where it is least; kept: on how many it is -1 or more. 95 % by a bootstrap over the targets' speakers."""


def answer(asked: Asked) -> Answer:
    """Every transfer with every LALM."""
    parts = [Part(asked.scene(lalm), asked.seeds, (CLASSIFIER, LALM, *METHODS)) for lalm in LALMS]
    cases = cases_of(results_of(parts, asked.data))
    every = [c for part in parts for c in cells(part.scene, asked.data.corpora, asked.data.pairs, part.seeds)]
    names = {asked.scene(lalm).name: lalm.name for lalm in LALMS}
    namings = [naming_of(cell, asked.data.cache) for cell in every]
    return Answer("Gain per LALM", _SAID, [table_of(cases, names), naming_table(namings)])


def table_of(cases: Sequence[Case], names: dict[str, str]) -> Table:
    """One row per LALM; `names` are those of the scenes."""
    header = ["LALM", "classifier", "LALM alone", *(f"{method} [95 %]" for method in METHODS)]
    table = Table("Gain over the better teacher", [*header, "best: worst", "best: kept"])
    for scene, name in names.items():
        here = [case for case in cases if case.scene == scene]
        teachers = [f"{mean_of([case.ua(teacher) for case in here]).value:.1f}" for teacher in (CLASSIFIER, LALM)]
        gains = [with_interval(mean_of([case.gain(method) for case in here])) for method in METHODS]
        each = [case.gain("best").value for case in here]
        kept = f"{sum(gain >= -1 for gain in each)} of {len(each)}"
        table.rows.append([name, *teachers, *gains, f"{min(each):+.1f}", kept])
    return table


def naming_table(namings: Sequence[Naming]) -> Table:
    """How often each guess names the better teacher, per LALM and over all."""
    table = Table("How often the better teacher is named without labels", ["LALM", *GUESSES.values()])
    for name in dict.fromkeys(naming.lalm for naming in namings):
        here = [naming for naming in namings if naming.lalm == name]
        table.rows.append([name, *(told(here, guess) for guess in GUESSES)])
    table.rows.append(["all", *(told(namings, guess) for guess in GUESSES)])
    clear = [naming for naming in namings if abs(naming.ua_T[0] - naming.ua_T[1]) >= 5]
    table.rows.append(["all where they are 5 points apart", *(told(clear, guess) for guess in GUESSES)])
    table.notes = [
        "Of so many cells (transfer, seed); p: two-sided binomial test against a coin. Cells are not independent "
        "(seeds and LALMs share classifiers and targets), so p is too small. Equal UA counts as not named.",
        *(f"{GUESSES[guess][0].upper()}{GUESSES[guess][1:]} {against_habit(namings, guess)}" for guess in _LOOKING),
    ]
    return table
