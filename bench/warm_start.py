"""Nights of a growing folder: a student that goes on from the last night's beside one that starts anew.

python -m bench.warm_start [--encoder FOLDER] [--by chance] [--nights 5] [--steps 0,100,300] [--seeds 1]

Every corpus is adapted to every other. The first night has 60 % of the target's clips, the last one all; by `speakers`
whole speakers come in, by `chance` any clips do. The first night's student always starts from the classifier; each
later one goes on from the night before with so many steps, or is that of the first night (0). UA is of the clips that
the night has, and gold is read for that only. The simulated LALM answers. Needs the classifiers and features that
`python -m bench.transfers` leaves in --cache.
"""

from __future__ import annotations

import copy
import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import click
import numpy as np
from numpy.typing import NDArray

import flows.quiet  # noqa: F401
from bench.tables import Table
from bench.transfers.cell import Cell, Ready, Scene, prepare
from bench.transfers.corpora import CLASSES, Corpus, corpora_in
from bench.transfers.methods import METHODS, Method, student_of
from bench.transfers.running import answers, training_data
from bench.transfers.splits import Split
from bench.transfers.stand_ins import rng_of
from tasks.encoders.features import Part
from tasks.evaluation.metrics import score
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.students.mi_fuse import MIFuseSettings

By = Literal["speakers", "chance"]
_METHODS = ("best", "paper")
_FIRST = 0.6  # of the clips


@dataclass(frozen=True)
class Night:
    """What came of one night; `warm` by number of steps. UA in percent, seconds of training."""

    number: int
    cold: tuple[float, float]
    warm: dict[int, tuple[float, float]]

    def gain(self, steps: int) -> float:
        """UA against the cold start."""
        return self.warm[steps][0] - self.cold[0]


@click.command(help=__doc__)
@click.option("--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path))
@click.option("--encoder", help="A folder of a pretrained encoder; default: logmel.")
@click.option("--by", default="speakers", show_default=True, type=click.Choice(get_args(By)))
@click.option("--nights", default=5, show_default=True, type=click.IntRange(2))
@click.option("--steps", default="0,100,300", show_default=True, help="Of a warm start, with commas between them.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1))
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
def main(data: Path, encoder: str | None, by: By, nights: int, steps: str, seeds: int, cache: Path) -> None:
    import torch

    torch.set_num_threads(1)
    scene, corpora = Scene(encoder and str(Path(encoder).absolute())), corpora_in(data)
    cells = [Cell(scene, *pair, None, seed) for pair in itertools.permutations(corpora, 2) for seed in range(seeds)]
    counts = [int(count) for count in steps.split(",")]
    for method in (method for method in METHODS if method.name in _METHODS):
        found = [list(_nights(method, cell, by, nights, counts, cache.absolute())) for cell in cells]
        print(_table(method, scene, by, seeds, found, counts).markdown(), flush=True)


def _nights(method: Method, cell: Cell, by: By, nights: int, counts: list[int], cache: Path) -> Iterator[Night]:
    whole = prepare(cell, cache)
    settings = student_of(method, cell.seed)
    order_N = _order(whole.corpus, by, rng_of("nights", cell.target.name, cell.seed))
    last: dict[int, Head] = {}
    for number, share in enumerate(np.linspace(_FIRST, 1, nights)):
        ready = _grown(whole, np.sort(order_N[: round(share * len(order_N))]))
        cold, cold_s = _train(method, settings, ready, cell.seed, None)
        warm = {}
        for count in counts:
            going_on = settings.model_copy(update={"steps": count})
            head, took_s = _train(method, going_on, ready, cell.seed, last[count]) if number else (cold, cold_s)
            last[count], warm[count] = head, (_ua(head, ready), took_s)
        yield Night(number, (_ua(cold, ready), cold_s), warm)


def _order(corpus: Corpus, by: By, rng: np.random.Generator) -> NDArray[np.int64]:
    """In which clips come in."""
    if by == "chance":
        return rng.permutation(len(corpus.files))
    place = {name: n for n, name in enumerate(rng.permutation(sorted(set(corpus.speakers))).tolist())}
    return np.argsort([place[name] for name in corpus.speakers], kind="stable")


def _grown(whole: Ready, rows: NDArray[np.int64]) -> Ready:
    by_target = copy.deepcopy(whole.by_source)
    by_target.standardise_by(statistics_of(Part(whole.features, rows.tolist())))
    return replace(whole, split=Split(rows, rows), by_target=by_target)


def _train(method: Method, settings: MIFuseSettings, ready: Ready, seed: int, last: Head | None) -> tuple[Head, float]:
    if settings.steps == 0:
        assert last is not None
        return last, 0.0
    data = training_data(method, settings.uses, ready, seed)
    started = time.monotonic()
    student = settings.train(
        ready.head(method.statistics), data, CLASSES, None, lambda point: None, lambda steps: None, last=last
    )
    return student.head, time.monotonic() - started


def _ua(head: Head, ready: Ready) -> float:
    gold = [CLASSES[place] for place in ready.corpus.gold_N[ready.split.test]]
    return 100 * score(gold, answers(head, Part(ready.features, ready.split.test.tolist())), CLASSES).ua


def _table(method: Method, scene: Scene, by: By, seeds: int, found: list[list[Night]], counts: list[int]) -> Table:
    """`found`: the nights of each transfer and seed."""
    later = [night for nights in found for night in nights[1:]]
    final = [nights[-1] for nights in found]
    header = ["start", "UA, last night", "− cold, later nights", "− cold, last night", "worst", "best", "median s"]
    title = f"{method.name}, {Path(scene.encoder or 'logmel').name}, by {by}, {len(found[0])} nights, {seeds} seed(s)"
    cold = f"{statistics.mean(night.cold[0] for night in final):.1f}"
    table = Table(title, header, [["cold", cold, *["–"] * 4, f"{statistics.median(n.cold[1] for n in later):.2f}"]])
    for count in counts:
        gains, last = [night.gain(count) for night in later], [night.gain(count) for night in final]
        figures = [statistics.mean(gains), statistics.mean(last), min(gains), max(gains)]
        ua = statistics.mean(night.warm[count][0] for night in final)
        took = statistics.median(night.warm[count][1] for night in later)
        table.rows.append([f"warm, {count} steps", f"{ua:.1f}", *(f"{x:+.1f}" for x in figures), f"{took:.2f}"])
    return table


if __name__ == "__main__":
    main()
