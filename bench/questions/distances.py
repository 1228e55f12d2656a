"""How far two clouds of points lie apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

FloatArray = NDArray[np.float64]

_DIRECTIONS = 200


def sliced_wasserstein(one_ND: FloatArray, other_MD: FloatArray, directions: int = _DIRECTIONS, seed: int = 0) -> float:
    r"""How far points have to be moved, seen along directions by chance::

        SW(P, Q) = mean_r W1( P theta_r, Q theta_r )        theta_r uniform on the sphere

    W1 of points on a line is exact. Bonneel et al. 2015 (doi:10.1007/s10851-014-0506-3).

    Args:
        one_ND: Points, shape (N, D).
        other_MD: Points, shape (M, D).
        directions: How many.
        seed: Of the directions.

    Returns:
        In the points' unit; 0 for equal clouds, symmetric, and 1/sqrt(D) or so of the distance of shifted ones.

    Raises:
        ValueError: Points of other dimensions.

    >>> sliced_wasserstein(np.zeros((3, 1)), np.ones((2, 1)))
    1.0
    """
    if one_ND.shape[1] != other_MD.shape[1]:
        raise ValueError(f"points of {one_ND.shape[1]} and of {other_MD.shape[1]} dimensions cannot be compared")
    theta_DR = np.random.default_rng(seed).normal(size=(one_ND.shape[1], directions))
    theta_DR /= np.linalg.norm(theta_DR, axis=0)
    lines = zip((one_ND @ theta_DR).T, (other_MD @ theta_DR).T, strict=True)
    return float(np.mean([wasserstein_distance(one_N, other_M) for one_N, other_M in lines]))
