"""Strategies beside each other on the same data sets: each seed is a pair of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.tables import Table

Errors = Mapping[str, Sequence[float]]  # by method, one figure per seed


def mean_and_error(values_Z: Sequence[float]) -> tuple[float, float]:
    """Mean over the seeds and its standard error.

    Raises:
        ValueError: One seed alone: nothing is known of the spread.

    >>> mean_and_error([1.0, 3.0])
    (2.0, 1.0)
    """
    if len(values_Z) < 2:
        raise ValueError(f"a standard error takes 2 seeds at least, got {len(values_Z)}: ask for more with --seeds")
    return float(np.mean(values_Z)), float(np.std(values_Z, ddof=1) / len(values_Z) ** 0.5)


def difference(errors: Errors, method: str, other: str) -> tuple[float, float]:
    """Method minus other, seed by seed: mean and standard error.

    >>> difference({"a": [1.0, 2.0], "b": [2.0, 5.0]}, "a", "b")
    (-2.0, 1.0)
    """
    return mean_and_error(np.subtract(errors[method], errors[other]).tolist())


def best_of(errors: Errors, methods: Sequence[str]) -> str:
    """With the smallest mean over the seeds: nobody could have chosen better for this setting.

    >>> best_of({"a": [1.0, 9.0], "b": [2.0, 5.0], "c": [0.0, 0.0]}, ["a", "b"])
    'b'
    """
    return min(methods, key=lambda method: float(np.mean(errors[method])))


def is_within(errors: Errors, method: str, other: str) -> bool:
    """Not worse than the other by more than one standard error of their difference.

    >>> is_within({"a": [1.0, 3.0], "b": [1.5, 2.2]}, "a", "b")
    True
    """
    mean, error = difference(errors, method, other)
    return mean <= error


def strategies_table(title: str, errors: Errors, single: Sequence[str], variance_Z: Sequence[float]) -> Table:
    """One row per method: error, and the paired difference to the best single strategy.

    Args:
        title: Of the table.
        errors: By method; the table's rows.
        single: Methods of which the best is what all are compared with.
        variance_Z: Of the answer, per seed: the error of who knows nothing.
    """
    best = best_of(errors, single)
    table = Table(title, ["strategy", "test MSE", f"− {best}", "within one s.e., or better"])
    for method in errors:
        verdict = "(the best single)" if method == best else "yes" if is_within(errors, method, best) else "no"
        against = "" if method == best else difference_cell(errors, method, best)
        table.rows.append([method, _told(*mean_and_error(errors[method])), against, verdict])
    mean, error = mean_and_error(variance_Z)
    table.notes = [f"{len(variance_Z)} seeds, mean ± standard error. Variance of the answer: {_told(mean, error)}."]
    return table


def difference_cell(errors: Errors, method: str, other: str) -> str:
    """As it stands in a table.

    >>> difference_cell({"a": [1.0, 2.0], "b": [2.0, 5.0]}, "a", "b")
    '-2.00 ± 1.00'
    """
    return _told(*difference(errors, method, other), sign="+")


def _told(mean: float, error: float, sign: str = "") -> str:
    digits = 2 if abs(mean) < 20 else 1
    return f"{mean:{sign}.{digits}f} ± {error:.{digits}f}"


def mean_cell(values_Z: Sequence[float]) -> str:
    """Mean ± standard error, as it stands in a table; what never varies stands alone.

    >>> mean_cell([1.0, 3.0]), mean_cell([15, 15])
    ('2.00 ± 1.00', '15')
    """
    mean, error = mean_and_error(values_Z)
    return _told(mean, error) if error else f"{mean:.4g}"
