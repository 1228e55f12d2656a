"""Which pair of repeats a dual encoder is given: by labelled source clips, and only where it is clearly better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Repeats = tuple[int, int]
NONE: Repeats = (1, 1)


@dataclass(frozen=True)
class Tried:
    """What one pair of repeats did on N labelled clips.

    Attributes:
        ua: Unweighted average recall.
        gain: Over no repeats, on the same clips.
        gain_se: Its standard error if the pair were no better than no repeats.
    """

    ua: float
    gain: float
    gain_se: float


def try_pairs(right: Mapping[Repeats, NDArray[np.bool_]], labels_N: NDArray[np.int64]) -> dict[Repeats, Tried]:
    r"""How each pair did beside no repeats at all. Clips are the same, so the gain is counted clip by clip::

        d_n = right_n(pair) - right_n((1, 1)),  gain = mean_c mean_{n in c} d_n
        se^2 = 1/C^2 sum_c 1/n_c mean_{n in c} d_n^2

    The error is what it would be if d were 0 on the average, so gain / se is the statistic of McNemar's test (1947,
    doi:10.1007/BF02295996), class by class; by the clips' own variance a handful that agree would leave no doubt.

    Args:
        right: Pair → which of the clips it names right, shape (N,); holds (1, 1).
        labels_N: Class numbers; classes without a clip do not count.

    >>> right = {(1, 1): np.array([True, False]), (2, 1): np.array([True, True])}
    >>> try_pairs(right, np.array([0, 1]))[2, 1]
    Tried(ua=1.0, gain=0.5, gain_se=0.5)
    """
    found = np.unique(labels_N)

    def by_class(values_N: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return [values_N[labels_N == label] for label in found]

    def tried(right_N: NDArray[np.bool_]) -> Tried:
        recalls = [each.mean() for each in by_class(right_N.astype(np.float64))]
        gains = by_class(right_N.astype(np.float64) - right[NONE])
        variance = sum((each**2).mean() / len(each) for each in gains) / len(found) ** 2
        return Tried(float(np.mean(recalls)), float(np.mean([each.mean() for each in gains])), float(np.sqrt(variance)))

    return {pair: tried(right_N) for pair, right_N in right.items()}


def choose_pair(tried: Mapping[Repeats, Tried]) -> Repeats:
    r"""The pair with the best UA, of equals that with the fewest repeats; (1, 1) where luck explains the gain.

    A bad pair hurts, and the best of K pairs that are no better than none looks better by luck alone: of K normal
    variables the largest is expected at most ``sqrt(2 ln K)`` deviations above their mean. So a gain counts if it is
    more than so many standard errors, and more than one::

        gain > max(1, sqrt(2 ln K)) se        K: pairs besides (1, 1); 2.7 for 35 of them

    >>> choose_pair({(1, 1): Tried(0.5, 0, 0), (3, 1): Tried(0.6, 0.1, 0.09), (1, 2): Tried(0.5, 0, 0)})
    (1, 1)
    >>> choose_pair({(1, 1): Tried(0.5, 0, 0), (3, 1): Tried(0.6, 0.1, 0.02), (2, 2): Tried(0.6, 0.1, 0.02)})
    (2, 2)
    """
    best = min(tried, key=lambda pair: (-round(tried[pair].ua, 12), sum(pair), pair))
    by_luck = max(1.0, math.sqrt(2 * math.log(max(len(tried) - 1, 1))))
    return best if tried[best].gain > by_luck * tried[best].gain_se else NONE
