"""Ridge regression on one modality, on both beside each other (early), and the mean of two answers (late).

Its errors stand in the paper's neighbourhood only if the data are made as the paper makes them.
"""

from __future__ import annotations

import numpy as np

from bench.meta_fusion.settings import ROWS, Array, Sample

_PENALTIES = 10.0 ** np.arange(-3, 6, 0.5)


def ridge_errors(sample: Sample) -> dict[str, float]:
    """Mean squared error on the test rows: each modality, early, and late, which weighs the modalities alike."""
    alone = [ridge(values_ND, sample.y_N) for values_ND in sample.values]
    told = {f"modality {m}": answer_N for m, answer_N in enumerate(alone, start=1)}
    told["early"] = ridge(np.concatenate(sample.values, axis=1), sample.y_N)
    told["late"] = np.mean(alone, axis=0)
    rows = ROWS["test"]
    return {name: float(np.mean((answer_N - sample.y_N)[rows] ** 2)) for name, answer_N in told.items()}


def ridge(values_ND: Array, y_N: Array) -> Array:
    """What a ridge fit says of all rows; its penalty is the one of 10^-3 … 10^5.5 that validates best.

    One decomposition for all penalties, in the space of the features or of the rows, whichever is smaller.
    """
    train, validation = ROWS["train"], ROWS["validation"]
    x_ND, mean = values_ND - values_ND[train].mean(axis=0), y_N[train].mean()
    seen_RD, said_R = x_ND[train], y_N[train] - mean
    if seen_RD.shape[1] <= len(seen_RD):
        power_K, basis_DK = np.linalg.eigh(seen_RD.T @ seen_RD)
        target_K, shown_NK = basis_DK.T @ seen_RD.T @ said_R, x_ND @ basis_DK
    else:
        power_K, basis_RK = np.linalg.eigh(seen_RD @ seen_RD.T)
        target_K, shown_NK = basis_RK.T @ said_R, x_ND @ (seen_RD.T @ basis_RK)
    answers = [shown_NK @ (target_K / (power_K.clip(0) + penalty)) + mean for penalty in _PENALTIES]
    return min(answers, key=lambda answer_N: float(np.mean((answer_N - y_N)[validation] ** 2)))
