"""Which members are so much better than the others that the others should listen to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST = 10


def clusters(losses_M: NDArray[np.float64], seed: int = 0, k: int | None = None) -> NDArray[np.int64]:
    """K-means on validation losses; the k with the best silhouette, within 2 to min(10, M - 1).

    A silhouette needs fewer clusters than members: with two members, or losses all alike, there is one cluster.

    Args:
        losses_M: Of each member alone.
        seed: Of the first centres.
        k: As many clusters, in the place of the best number; at most as many as there are different losses.

    Returns:
        Shape (M,): 0 for the cluster of the smallest mean loss, 1 for the next, and so on.

    >>> clusters(np.array([1.0, 5.0, 1.1, 5.1, 9.0])).tolist()
    [0, 1, 0, 1, 2]
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    values_M1 = losses_M.astype(np.float64)[:, None]
    different = len(np.unique(values_M1))

    def split(n: int) -> NDArray[np.int64]:
        return np.asarray(KMeans(n, n_init=10, random_state=seed).fit_predict(values_M1), dtype=np.int64)

    if k is not None:
        return _by_loss(split(min(k, different)), losses_M)
    found = [split(n) for n in range(2, min(_MOST, different, len(losses_M) - 1) + 1)]
    if not found:
        return np.zeros(len(losses_M), dtype=np.int64)
    return _by_loss(max(found, key=lambda labels_M: float(silhouette_score(values_M1, labels_M))), losses_M)


def _by_loss(labels_M: NDArray[np.int64], losses_M: NDArray[np.float64]) -> NDArray[np.int64]:
    means = [losses_M[labels_M == label].mean() for label in range(labels_M.max() + 1)]
    return np.argsort(np.argsort(means))[labels_M]
