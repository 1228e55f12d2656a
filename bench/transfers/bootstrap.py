"""How sure a difference is: speakers within targets are drawn anew; seeds are not replicates, they are averaged."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.transfers.kept import Result

Array = NDArray[np.float64]

RESAMPLED = 10_000  # the smallest p is then 0.0002: Holm multiplies it by the number of rows


@dataclass(frozen=True)
class Sampled:
    """A figure as it is, and as it would be with other speakers of the same targets; in points of percent."""

    value: float
    samples_B: Array

    def __sub__(self, other: Sampled) -> Sampled:
        return Sampled(self.value - other.value, self.samples_B - other.samples_B)

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, by percentiles (Efron & Tibshirani 1993, chapter 13)."""
        low, high = np.percentile(self.samples_B, [2.5, 97.5])
        return float(low), float(high)

    @property
    def p(self) -> float:
        """Two-sided, that the figure is 0: twice the smaller tail, never below 2 / (B + 1)."""
        below, above = (self.samples_B <= 0).sum(), (self.samples_B >= 0).sum()
        return float(min(1.0, 2 * (1 + min(below, above)) / (len(self.samples_B) + 1)))


def mean_of(figures: Sequence[Sampled]) -> Sampled:
    """Sample by sample: figures over the same target share its speakers."""
    return Sampled(
        float(np.mean([f.value for f in figures])), np.mean([figure.samples_B for figure in figures], axis=0)
    )


def ua_of(runs: Sequence[Result], speakers: Sequence[int], resampled: int = RESAMPLED) -> Sampled:
    r"""UA of one method on one transfer, the mean over the seeds.

    With w_bp how often sample b has speaker p (the sum over p is their number)::

        UA_b = mean_seed mean_c ( sum_p w_bp right_pc / sum_p w_bp n_pc )

    A class that no drawn speaker has is left out of the sample's mean, and so is a seed that tests none of them.

    Args:
        runs: One per seed.
        speakers: Of the target, all that any method is tested on with any seed.
        resampled: How many samples, B.
    """
    return _figure(runs, speakers, resampled, by_class=True)


def wa_of(runs: Sequence[Result], speakers: Sequence[int], resampled: int = RESAMPLED) -> Sampled:
    """The same for accuracy: all classes are counted together."""
    return _figure(runs, speakers, resampled, by_class=False)


def _figure(runs: Sequence[Result], speakers: Sequence[int], resampled: int, by_class: bool) -> Sampled:
    drawn_BP = draw_speakers(runs[0].target, len(speakers), resampled)
    weights_BP = np.concatenate([np.ones((1, len(speakers))), drawn_BP])
    means_SB = []
    for run in runs:
        right_PC, count_PC = counts(run, speakers)
        if not by_class:
            right_PC, count_PC = right_PC.sum(axis=1, keepdims=True), count_PC.sum(axis=1, keepdims=True)
        means_SB.append(_mean_of_known((weights_BP @ right_PC).T, (weights_BP @ count_PC).T))
    known_SB = ~np.isnan(means_SB)
    mean_B = 100 * _mean_of_known(np.where(known_SB, means_SB, 0), known_SB.astype(float))
    return Sampled(float(mean_B[0]), mean_B[1:])


def _mean_of_known(parts_AB: Array, wholes_AB: Array) -> Array:
    """The mean over the first axis of the quotients whose whole is not 0; NaN where there is none."""
    known_AB = wholes_AB > 0
    quotients_AB = np.divide(parts_AB, wholes_AB, out=np.zeros_like(parts_AB), where=known_AB)
    count_B = known_AB.sum(axis=0)
    return np.where(count_B > 0, quotients_AB.sum(axis=0) / np.maximum(count_B, 1), np.nan)


def counts(run: Result, speakers: Sequence[int]) -> tuple[Array, Array]:
    """Right answers and clips per speaker and class, shape (P, C)."""
    place = {speaker: p for p, speaker in enumerate(speakers)}
    gold_N, who_N = np.array([int(digit) for digit in run.gold]), np.array([place[who] for who in run.speakers])
    is_right_N = np.array([gold == named for gold, named in zip(run.gold, run.named, strict=True)])
    shape = (len(speakers), int(gold_N.max()) + 1)
    right_PC, count_PC = np.zeros(shape), np.zeros(shape)
    np.add.at(count_PC, (who_N, gold_N), 1)
    np.add.at(right_PC, (who_N[is_right_N], gold_N[is_right_N]), 1)
    return right_PC, count_PC


def draw_speakers(target: str, speakers: int, resampled: int) -> Array:
    """How often each is drawn, shape (B, P); by the target alone: every method and seed meets the same speakers."""
    rng = np.random.default_rng(zlib.crc32(target.encode()))
    return rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=resampled).astype(float)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted for as many comparisons (Holm 1979): the smallest times n, the next times n - 1 … and never falling.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(ps)
    adjusted = np.empty(len(ps))
    adjusted[order] = np.maximum.accumulate(np.asarray(ps)[order] * np.arange(len(ps), 0, -1))
    return [float(min(1.0, p)) for p in adjusted]
