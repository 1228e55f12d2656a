"""Whether a confidence means what it says: expected calibration error and the bins of the reliability diagram."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BINS = 15  # Guo et al. 2017, and what most papers report


@dataclass(frozen=True)
class ReliabilityBin:
    """The clips whose confidence lies in (lower, upper]; the first bin also holds 0."""

    lower: float
    upper: float
    count: int
    confidence: float  # mean over the bin's clips
    accuracy: float


def expected_calibration_error(confidence_N: FloatArray, correct_N: BoolArray, bins: int = BINS) -> float:
    r"""How far confidence and accuracy lie apart, on average over the clips.

    Confidences fall into M bins of equal width, ((m-1)/M, m/M]::

        ECE = sum_m |B_m|/N * | accuracy(B_m) - confidence(B_m) |

    Guo et al. 2017 (arXiv:1706.04599), equation 3.

    Args:
        confidence_N: Probability of the predicted class, shape (N,), within [0, 1].
        correct_N: Whether that class is right, shape (N,).
        bins: M.

    Returns:
        Within [0, 1]; 0 means that in every bin as many clips are right as their confidence says.

    Raises:
        ValueError: No clips; shapes that differ; fewer than one bin; or a confidence outside [0, 1].

    >>> confidence, correct = np.array([0.9, 0.9, 0.9, 0.6]), np.array([True, True, False, False])
    >>> round(expected_calibration_error(confidence, correct), 4)
    0.325
    """
    if not len(confidence_N):
        raise ValueError("there are no clips to calibrate on: confidence_N is empty.")
    filled = reliability_bins(confidence_N, correct_N, bins)
    return sum(b.count * abs(b.accuracy - b.confidence) for b in filled) / len(confidence_N)


def reliability_bins(confidence_N: FloatArray, correct_N: BoolArray, bins: int = BINS) -> list[ReliabilityBin]:
    """The bins of `expected_calibration_error` that hold at least one clip, from low to high confidence.

    >>> [(b.count, b.accuracy) for b in reliability_bins(np.array([0.95, 0.1, 0.99]), np.array([True, False, False]))]
    [(1, 0.0), (2, 0.5)]
    """
    _check(confidence_N, correct_N, bins)
    edges = np.linspace(0, 1, bins + 1)
    bin_N = np.digitize(confidence_N, edges[1:-1], right=True)
    count_M = np.bincount(bin_N, minlength=bins)
    confidence_M = np.bincount(bin_N, weights=confidence_N, minlength=bins)
    correct_M = np.bincount(bin_N, weights=correct_N, minlength=bins)
    return [
        ReliabilityBin(
            lower=float(edges[m]),
            upper=float(edges[m + 1]),
            count=int(count_M[m]),
            confidence=float(confidence_M[m] / count_M[m]),
            accuracy=float(correct_M[m] / count_M[m]),
        )
        for m in np.flatnonzero(count_M)
    ]


def _check(confidence_N: FloatArray, correct_N: BoolArray, bins: int) -> None:
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}.")
    if confidence_N.ndim != 1 or confidence_N.shape != correct_N.shape:
        raise ValueError(
            f"confidence_N has shape {confidence_N.shape}, correct_N {correct_N.shape}; both must be (N,)."
        )
    wrong = np.flatnonzero(~((confidence_N >= 0) & (confidence_N <= 1)))
    if len(wrong):
        raise ValueError(
            f"{len(wrong)} of {len(confidence_N)} confidences lie outside [0, 1]; "
            f"first: confidence_N[{wrong[0]}] = {confidence_N[wrong[0]]}."
        )
