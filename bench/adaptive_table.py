"""The tables of `bench.adaptive`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESAMPLED = 10_000


@dataclass(frozen=True)
class Run:
    """One choice of draws on one pair with one seed. Runs with the same place in their column belong together."""

    pair: str
    draws: str
    paid: float  # per clip
    mi_bias: float  # nats, mean over the clips
    corrected_bias: float  # the same after K / (K - 1)
    labels: list[str | None]
    fused_ua: float
    student_ua: float | None


def print_table(runs: Sequence[Run], most: int) -> None:
    """Means over all pairs, then pair by pair; each difference is to the run with the most draws."""
    print(
        f"\nMean over all pairs and seeds; [95 % interval of the difference to N = {most}, bootstrap over the runs]\n"
    )
    print(_header("draws"))
    for name in dict.fromkeys(run.draws for run in runs):
        print(_row(name, _column(runs, name), _column(runs, f"N = {most}"), most))
    pairs = dict.fromkeys(run.pair for run in runs)
    for name in dict.fromkeys(run.draws for run in runs if run.draws.startswith("stop")):
        print(f"\n{name}, pair by pair\n\n{_header('transfer')}")
        for pair in pairs:
            of_pair = [run for run in runs if run.pair == pair]
            print(_row(pair, _column(of_pair, name), _column(of_pair, f"N = {most}"), most))


def difference(values_R: Sequence[float], reference_R: Sequence[float]) -> tuple[float, float, float]:
    """Mean paired difference in points, and the ends of its 95 % interval.

    >>> difference([0.51, 0.61], [0.50, 0.60])
    (1.0, 1.0, 1.0)
    """
    points_R: NDArray[np.float64] = np.round(100 * (np.asarray(values_R) - np.asarray(reference_R)), 9)
    rng = np.random.default_rng(0)
    means = points_R[rng.integers(len(points_R), size=(_RESAMPLED, len(points_R)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(points_R.mean()), float(low), float(high)


def _column(runs: Sequence[Run], name: str) -> list[Run]:
    return [run for run in runs if run.draws == name]


def _header(first: str) -> str:
    return (
        f"{first:<18}{'paid':>6}{'saved':>8}{'MI bias':>10}{'corrected':>11}{'same label':>12}"
        f"{'fused UA':>10}  {'':<22}{'student UA':>10}"
    )


def _row(name: str, runs: list[Run], reference: list[Run], most: int) -> str:
    paid = _mean(runs, lambda run: run.paid)
    same = float(np.mean([_agreement(run, other) for run, other in zip(runs, reference, strict=True)]))
    return (
        f"{name:<18}{paid:>6.2f}{1 - paid / most:>8.0%}{_mean(runs, lambda run: run.mi_bias):>+10.3f}"
        + f"{_mean(runs, lambda run: run.corrected_bias):>+11.3f}{same:>12.1%}"
        + _ua(runs, reference, lambda run: run.fused_ua)
        + _ua(runs, reference, lambda run: run.student_ua)
    ).rstrip()


def _ua(runs: list[Run], reference: list[Run], of: Callable[[Run], float | None]) -> str:
    values = [value for run in runs if (value := of(run)) is not None]
    against = [value for run in reference if (value := of(run)) is not None]
    if not values:
        return f"{'–':>10}"
    mean, low, high = difference(values, against)
    interval = "" if runs == reference else f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
    interval = interval if len(runs) > 1 else interval.partition(" [")[0]
    return f"{100 * float(np.mean(values)):>10.1f}  {interval:<22}"


def _agreement(run: Run, other: Run) -> float:
    return float(np.mean([one == two for one, two in zip(run.labels, other.labels, strict=True)]))


def _mean(runs: Sequence[Run], of: Callable[[Run], float]) -> float:
    return float(np.mean([of(run) for run in runs]))
