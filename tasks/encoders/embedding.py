"""What an encoder makes of each clip in a few numbers: a view of the audio that no teacher was asked about."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.encoders.features import Features

FloatArray = NDArray[np.float64]

_CHUNK_CLIPS = 64  # where frames are kept, not means, each clip is some megabytes
_LEAST_STD = 1e-5  # as of the statistics that a head standardises by


def embed(features: Features, dim: int = 32) -> NDArray[np.float32]:
    r"""The clips' principal components.

    With x_nl the time mean of layer l, standardised over these clips per layer and feature::

        z_n = mean_l x_nl                 sum_n z_n = 0
        seen_n = V^T z_n / std z          V: eigenvectors of the covariance of z / std z

    Principal components: Pearson 1901. Each component's sign is such that its largest loading is positive.

    Args:
        features: The clips; read three times, a chunk at a time: only N * dim numbers are kept.
        dim: How many components; no more than D, nor than a quarter of the clips, and at least one.

    Returns:
        Shape (N, min(dim, N // 4, D)), the component of the largest variance first.

    Raises:
        ValueError: No clip.
    """
    if not len(features):
        raise ValueError("no clip to embed")
    means = _LayerMeans(features)
    products = (rows_BD.T @ rows_BD for rows_BD in means.rows())
    covariance_DD = sum(products, np.zeros((features.dim,) * 2)) / len(features)
    std_D = np.maximum(np.sqrt(np.diag(covariance_DD)), _LEAST_STD)
    kept = max(1, min(dim, len(features) // 4, features.dim))
    axes_DE = _principal_axes(covariance_DD / np.outer(std_D, std_D), kept) / std_D[:, None]
    return np.concatenate([(rows_BD @ axes_DE).astype(np.float32) for rows_BD in means.rows()])


class _LayerMeans:
    """The mean over the layers of each clip's standardised features, never of all clips at once."""

    def __init__(self, features: Features) -> None:
        self._features = features
        count, mean_LD, squares_LD = 0, np.zeros((features.n_layers, features.dim)), 0.0
        for chunk_BLD in self._chunks():
            # Chan et al. 1979: sums of squares of two parts joined without cancellation.
            shift_LD, total = chunk_BLD.mean(axis=0) - mean_LD, count + len(chunk_BLD)
            own_LD = ((chunk_BLD - chunk_BLD.mean(axis=0)) ** 2).sum(axis=0)
            squares_LD = squares_LD + own_LD + shift_LD**2 * count * len(chunk_BLD) / total
            mean_LD, count = mean_LD + shift_LD * len(chunk_BLD) / total, total
        self._mean_LD, self._std_LD = mean_LD, np.maximum(np.sqrt(squares_LD / count), _LEAST_STD)

    def rows(self) -> Iterator[FloatArray]:
        """A chunk after the other, shape (B, D)."""
        for chunk_BLD in self._chunks():
            yield ((chunk_BLD - self._mean_LD) / self._std_LD).mean(axis=1)

    def _chunks(self) -> Iterator[FloatArray]:
        for at in range(0, len(self._features), _CHUNK_CLIPS):
            rows_B = range(at, min(at + _CHUNK_CLIPS, len(self._features)))
            yield self._features.rows(rows_B).means_BLD().detach().cpu().numpy().astype(np.float64)


def _principal_axes(covariance_DD: FloatArray, kept: int) -> FloatArray:
    axes_DE = np.linalg.eigh(covariance_DD).eigenvectors[:, ::-1][:, :kept]
    largest_E = np.abs(axes_DE).argmax(axis=0)
    signed_DE: FloatArray = axes_DE * np.where(axes_DE[largest_E, np.arange(kept)] < 0, -1.0, 1.0)
    return signed_DE
