"""Classes that only the target has: the LALM knows them, the classifier does not. Does the student learn them?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from bench.questions.asked import Answer, Asked
from bench.questions.cases import ua_over_seeds
from bench.questions.withheld import Place, source_without, train_without
from bench.tables import Table
from bench.transfers.bootstrap import mean_of
from bench.transfers.cell import Cell
from bench.transfers.corpora import CLASSES
from bench.transfers.kept import Result
from bench.transfers.lalm import Lalm
from bench.transfers.matrix import Part, third_corpus
from bench.transfers.methods import chosen
from bench.transfers.planning import results_of
from bench.transfers.work import Task, compute

METHODS = ("source", "LALM", "fused: mutual_information", "fused: generative", "LALM-only", "paper", "best")
_ASKED = Lalm("third")
_WORKERS = 2
PLACES: dict[Place, str] = {
    "never": "the classifier's fourth output says the class never (logit -20)",
    "open": "the classifier's fourth output is the mean of the other three logits",
}
_SAID = """\
The source classifier is trained on three of the four classes, each left out in turn; the pipeline, the LALM (`third`)
and the target have four. The product takes such a classifier with `lacks` (`docs/classes.md`); here, made before that,
it gets a fourth output by hand, in two ways. Recall is that of the class that the source did not have, UA is over all
four; the mean over six transfers, four classes and the seeds. "All known" is the same with a classifier of all four."""


def answer(asked: Asked) -> Answer:
    """Every transfer, every class left out, both ways of giving it a place."""
    scene = asked.scene(_ASKED)
    known = results_of([Part(scene, asked.seeds, METHODS)], asked.data)
    tables = [known_table(known)]
    for place, told in PLACES.items():
        results, refused = compute(_tasks(asked, place), asked.data.cache, _WORKERS)
        if refused:
            raise ValueError("; ".join(refused))
        tables += [overall_table(results, f"Without one class: {told}"), class_table(results)]
    return Answer("Classes that only the target has", _SAID, tables)


def _tasks(asked: Asked, place: Place) -> list[Task]:
    methods, missing = chosen(METHODS)
    if missing:
        raise ValueError(f"not available: {'; '.join(missing)}")
    scene, corpora, cache = asked.scene(_ASKED), asked.data.corpora, asked.data.cache
    tasks: list[Task] = []
    for (source, target), without in itertools.product(itertools.permutations(corpora, 2), CLASSES):
        if third_corpus(corpora, source, target) is None:
            raise ValueError("the LALM is trained on a third corpus; there are two")
        for seed in range(asked.seeds):
            train_without(source, without, place, asked.encoder, seed, cache)
            name = source_without(source, without, place)
            cell = Cell(scene, name, target, third_corpus(corpora, source, target), seed)
            tasks += [(cell, method) for method in methods]
    return tasks


def known_table(results: Sequence[Result]) -> Table:
    """UA and the recalls where nothing is left out."""
    table = Table("All known: the classifier has met all four classes", ["method", "mean recall of a class", "UA"])
    for method in METHODS:
        runs = [run for run in results if run.method == method]
        every = [recall(run, c) for run in runs for c in CLASSES]
        table.rows.append([method, f"{np.mean(every):.1f}", f"{np.mean([100 * run.ua for run in runs]):.1f}"])
    return table


def overall_table(results: Sequence[Result], title: str) -> Table:
    """The new class's recall, the others', and UA, per method."""
    table = Table(title, ["method", "recall of the new class", "of the known classes", "UA [95 %]"])
    for method in METHODS:
        runs = [run for run in results if run.method == method]
        new = [recall(run, new_class(run)) for run in runs]
        known = [recall(run, c) for run in runs for c in CLASSES if c != new_class(run)]
        by_case = itertools.groupby(sorted(runs, key=lambda run: run.transfer), key=lambda run: run.transfer)
        ua = mean_of([ua_over_seeds(list(of_case)) for _, of_case in by_case])
        low, high = ua.interval
        told = f"{ua.value:.1f} [{low:.1f}, {high:.1f}]"
        table.rows.append([method, f"{np.mean(new):.1f}", f"{np.mean(known):.1f}", told])
    return table


def class_table(results: Sequence[Result]) -> Table:
    """Which class is left out matters."""
    table = Table("Recall of the new class, by class", ["method", *CLASSES])
    for method in METHODS:
        runs = [run for run in results if run.method == method]
        by_class = [[recall(run, c) for run in runs if new_class(run) == c] for c in CLASSES]
        table.rows.append([method, *(f"{np.mean(found):.1f}" if found else "–" for found in by_class)])
    return table


def new_class(run: Result) -> str:
    """The class that the source did not have; it stands in the transfer's name."""
    return run.transfer.partition("-without-")[2].partition("-")[0]


def recall(run: Result, name: str) -> float:
    """In percent of the class's clips."""
    digit = str(CLASSES.index(name))
    said = [named for gold, named in zip(run.gold, run.named, strict=True) if gold == digit]
    if not said:
        raise ValueError(f"{run.transfer}: no clip of {name}")
    return 100 * said.count(digit) / len(said)
