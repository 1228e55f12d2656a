"""What the cohort's members hear of each modality: all features, and two latent representations.

The paper's latents are outputs of encoders. Here they are principal components of the training rows' features, 64
(more than most modalities have latents) and 16 (fewer): no label is seen, nothing has to be trained or tuned, and what
is compared is the cohort, not the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.decomposition import PCA

from bench.meta_fusion.settings import ROWS, Array, Rows, Sample, standardised
from tasks.students.cohorts.members import Modality, Representation

_LATENTS = (64, 16)


def modalities_of(values: Sequence[Array]) -> list[Modality]:
    """The features of all modalities, each with its latents.

    Args:
        values: Per modality, shape (N, D_m).
    """
    train_R = np.arange(len(values[0]))[ROWS["train"]]
    return [
        Modality(f"modality {m}", representations_of(values_ND, train_R)) for m, values_ND in enumerate(values, start=1)
    ]


def representations_of(values_ND: Array, rows_R: Rows) -> list[Representation]:
    """All features and both latents, by statistics of these rows: training rows that have the modality."""
    raw_ND = standardised(values_ND, rows_R)
    most = PCA(min(max(_LATENTS), raw_ND.shape[1]), svd_solver="randomized", random_state=0)
    components_NK = most.fit(raw_ND[rows_R]).transform(raw_ND)
    latents = [(f"{k} components", scaled(components_NK[:, :k], rows_R)) for k in _LATENTS]
    return [Representation(name, as_tensor(told_ND)) for name, told_ND in [("raw", raw_ND), *latents]]


def scaled(values_ND: Array, rows_R: Rows) -> Array:
    """Mean variance 1 over these rows. Columns keep their proportions: the last components are mostly noise."""
    told: Array = values_ND / np.sqrt(values_ND[rows_R].var(axis=0).mean())
    return told


def as_tensor(values: Array) -> torch.Tensor:
    """What the cohort calculates with."""
    return torch.from_numpy(values.astype(np.float32))


def scale_of(sample: Sample) -> tuple[float, float]:
    """Mean and standard deviation of the answer over the training rows: networks learn standardised answers."""
    seen_R = sample.y_N[ROWS["train"]]
    return float(seen_R.mean()), float(seen_R.std())
