"""Does the size of the domain shift tell what adaptation gains? Gain against a Wasserstein distance of embeddings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from bench.questions.asked import Answer, Asked
from bench.questions.cases import Case, cases_of, with_interval
from bench.questions.distances import sliced_wasserstein
from bench.questions.drawing import save
from bench.tables import Table
from bench.transfers.board import CLASSIFIER
from bench.transfers.cell import Scene
from bench.transfers.lalm import Lalm
from bench.transfers.matrix import Part
from bench.transfers.planning import Data, results_of
from bench.transfers.sources import classifier_folder, hear

METHODS = ("LALM-only", "equal", "paper", "best")
_ASKED = Lalm("oracle", strength=0.6)
_SAID = """\
Shift: the sliced 1-Wasserstein distance between the clips of source and target, over the encoder's features (layer
mean), each standardised by the source; left over: the same when each corpus is standardised by itself, as
`standardise: target` does. Gain here is UA minus that of the source classifier (target statistics), in points, so that
it is what adaptation adds. The LALM is the same for all pairs (`oracle`, 60 % of each class, errors by chance), so that
pairs differ in the classifier and the target alone; 95 % by a bootstrap over the targets' speakers."""


def answer(asked: Asked) -> Answer:
    """All pairs."""
    methods = ("source (source statistics)", CLASSIFIER, "LALM", *METHODS)
    scene = asked.scene(_ASKED)
    cases = cases_of(results_of([Part(scene, asked.seeds, methods)], asked.data))
    shifts = {case.transfer: shift_of(case.transfer, scene, asked.data) for case in cases}
    tables = [table_of(cases, shifts), spearman_table(cases, shifts)]
    return Answer("Gain against the size of the domain shift", _SAID, tables, lambda file: draw(cases, shifts, file))


def shift_of(transfer: str, scene: Scene, data: Data) -> tuple[float, float]:
    """Standardised by the source, and what is left when each is standardised by itself."""
    folders = {folder.name: folder for folder in data.corpora}
    classifier = classifier_folder(data.corpora[0], scene.encoder, 0, data.cache)
    heard = [hear(folders[name], classifier, data.cache) for name in transfer.split(" → ")]
    source_NLD, target_NLD = (np.asarray(one.rows(range(len(one))).means_BLD(), dtype=np.float64) for one in heard)
    return (
        sliced_wasserstein(standardised(source_NLD, source_NLD), standardised(target_NLD, source_NLD)),
        sliced_wasserstein(standardised(source_NLD, source_NLD), standardised(target_NLD, target_NLD)),
    )


def standardised(clips_NLD: np.ndarray, by_NLD: np.ndarray) -> np.ndarray:
    """Each feature by mean and deviation of other clips; then the mean over the layers, shape (N, D)."""
    std_LD = np.maximum(by_NLD.std(axis=0), 1e-5)
    standard_ND: np.ndarray = ((clips_NLD - by_NLD.mean(axis=0)) / std_LD).mean(axis=1)
    return standard_ND


def gain(case: Case, method: str) -> float:
    """Over the source classifier, in points."""
    return (case.ua(method) - case.ua(CLASSIFIER)).value


def table_of(cases: Sequence[Case], shifts: dict[str, tuple[float, float]]) -> Table:
    """One row per pair, the smallest shift first."""
    header = ["transfer", "shift", "left over", "source statistics", "classifier", *(f"{m} [95 %]" for m in METHODS)]
    table = Table("Gain over the source classifier", header)
    for case in sorted(cases, key=lambda case: shifts[case.transfer]):
        figures = [f"{case.ua(name).value:.1f}" for name in ("source (source statistics)", CLASSIFIER)]
        gains = [with_interval(case.ua(method) - case.ua(CLASSIFIER)) for method in METHODS]
        table.rows.append([case.transfer, *(f"{shift:.2f}" for shift in shifts[case.transfer]), *figures, *gains])
    return table


def spearman_table(cases: Sequence[Case], shifts: dict[str, tuple[float, float]]) -> Table:
    """Rank correlation of shift and gain per method."""
    table = Table("Spearman's rank correlation of gain and shift", ["method", "shift", "left over"])
    for method in METHODS:
        gains = [gain(case, method) for case in cases]
        told = []
        for which in (0, 1):
            if len(set(gains)) == 1:
                told.append("– (all gains are the same)")
                continue
            rho, p = spearman(np.array([shifts[case.transfer][which] for case in cases]), np.array(gains))
            told.append(f"{rho:+.2f} (n = {len(cases)}, p = {p:.2f})")
        table.rows.append([method, *told])
    table.notes = [
        "p: exact, two-sided, over all orders of the pairs. With six pairs only |ρ| of .89 and more comes out below "
        ".05, and the pairs share three corpora, so they are not six independent cases: a strong tie can be seen, "
        "a weak one cannot be ruled out."
    ]
    return table


def spearman(x_N: np.ndarray, y_N: np.ndarray) -> tuple[float, float]:
    """Spearman 1904, and the share of all orders of y with as large a |rho|; for a few values only.

    >>> spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 4, 9, 16]))
    (1.0, 0.08333333333333333)
    """
    x_rank_N, y_rank_N = rankdata(x_N), rankdata(y_N)
    rhos = [np.corrcoef(x_rank_N, order)[0, 1] for order in itertools.permutations(y_rank_N)]
    return float(rhos[0]), float(np.mean(np.abs(rhos) >= abs(rhos[0]) - 1e-12))


def draw(cases: Sequence[Case], shifts: dict[str, tuple[float, float]], file: Path) -> None:
    """A point per method and pair."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    for panel, which, name in zip(figure.subplots(1, 2, sharey=True), (0, 1), ("shift", "left over"), strict=True):
        for method, marker in zip(METHODS, "osv^", strict=True):
            shift = [shifts[case.transfer][which] for case in cases]
            panel.plot(shift, [gain(case, method) for case in cases], marker, markersize=5, alpha=0.7, label=method)
        panel.axhline(0, color="grey", linewidth=0.8)
        panel.set(xlabel=f"{name} (sliced Wasserstein)")
    figure.axes[0].set(ylabel="UA over the source classifier, points")
    figure.axes[0].legend(fontsize="small")
    save(figure, file)
