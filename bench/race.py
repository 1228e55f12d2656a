"""Contestants in alternation, and the ratios of their times."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from bench.tables import Table

Contestants = dict[str, Callable[[], object]]


def race(contestants: Contestants, repeats: int) -> dict[str, list[float]]:
    """Seconds of each, in alternation; a first round warms up and does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, run in contestants.items():
            started = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(seconds: dict[str, list[float]], above: int, below: int) -> float:
    runs = list(seconds.values())
    return median(a / b for a, b in zip(runs[above], runs[below], strict=True))


def timed_table(title: str, seconds: dict[str, list[float]]) -> Table:
    rows = [[name, f"{median(s):.2f}", f"{min(s):.2f}–{max(s):.2f}"] for name, s in seconds.items()]
    return Table(title, ["", "seconds, median", "range"], rows)
