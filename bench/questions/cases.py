"""Results by case: one transfer under one set of circumstances. Seeds are averaged: they are not replicates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from bench.transfers.board import CLASSIFIER, LALM
from bench.transfers.bootstrap import Sampled, ua_of
from bench.transfers.kept import Result


class Case:
    """All methods on one transfer in one scene.

    Args:
        results: Of every method and seed; both teachers must be among them.
    """

    def __init__(self, results: Sequence[Result]) -> None:
        self.scene, self.transfer = results[0].scene, results[0].transfer
        self.runs: dict[str, list[Result]] = {}
        for result in results:
            self.runs.setdefault(result.method, []).append(result)
        if missing := {CLASSIFIER, LALM} - self.runs.keys():
            raise ValueError(f"{self.scene}, {self.transfer}: no result of {', '.join(sorted(missing))}")
        self._ua: dict[str, Sampled] = {}

    def ua(self, method: str) -> Sampled:
        """In percent, the mean over the seeds."""
        if method not in self._ua:
            self._ua[method] = ua_over_seeds(self.runs[method])
        return self._ua[method]

    @cached_property
    def better_teacher(self) -> str:
        """By the mean over the seeds; of two alike the LALM."""
        return max((LALM, CLASSIFIER), key=lambda teacher: self.ua(teacher).value)

    def gain(self, method: str) -> Sampled:
        """Points of UA above the better teacher."""
        return self.ua(method) - self.ua(self.better_teacher)

    @cached_property
    def error_correlation(self) -> float:
        """Of both teachers, the mean over the seeds: see `error_correlation`."""
        pairs = zip(self.runs[CLASSIFIER], self.runs[LALM], strict=True)
        return float(np.mean([error_correlation(one, other) for one, other in pairs]))


def ua_over_seeds(runs: Sequence[Result]) -> Sampled:
    """In percent; all of the target's speakers are tested on with every seed."""
    return ua_of(runs, sorted({speaker for run in runs for speaker in run.speakers}))


def cases_of(results: Sequence[Result]) -> list[Case]:
    """In the order of the results."""
    by: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        by.setdefault((result.scene, result.transfer), []).append(result)
    return [Case(runs) for runs in by.values()]


def error_correlation(one: Result, other: Result) -> float:
    r"""Whether two methods are wrong about the same clips: the phi coefficient of their errors::

        rho = corr_n( [one_n != gold_n], [other_n != gold_n] )

    Raises:
        ValueError: Other clips or seeds; or a method that is right, or wrong, about every clip.
    """
    if (one.gold, one.seed) != (other.gold, other.seed):
        raise ValueError(f"{one.transfer}: {one.method} and {other.method} are not of the same clips and seed")
    wrong_2N = np.array([[g != n for g, n in zip(r.gold, r.named, strict=True)] for r in (one, other)])
    if (wrong_2N.all(axis=1) | ~wrong_2N.any(axis=1)).any():
        raise ValueError(f"{one.transfer}: {one.method} or {other.method} errs always or never: no correlation")
    return float(np.corrcoef(wrong_2N)[0, 1])


def with_interval(figure: Sampled) -> str:
    """A difference and its 95 %."""
    low, high = figure.interval
    return f"{figure.value:+.1f} [{low:+.1f}, {high:+.1f}]"
