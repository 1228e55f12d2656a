"""The label-signal head with parts taken away, or with label embeddings that start where the classes' meanings lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.networks.label_signal_settings import LabelSignalPooling

if TYPE_CHECKING:
    from tasks.networks.config import ClassifierConfig
    from tasks.networks.label_signal import LabelSignals

# Where the classes lie on Russell's circumplex of affect (1980): valence and arousal, the corners at a distance of 1.
PLACES = {"angry": (-1, 1), "happy": (1, 1), "neutral": (0, 0), "sad": (-1, -1)}


class AblatedPooling(LabelSignalPooling):
    """What nobody would turn in a pipeline."""

    signals: bool = True  # without them: the mean over the frames that have attended to each other
    start: Literal["random", "semantic"] = "random"  # of the label embeddings
    map_seed: int = 0

    def build(self, config: ClassifierConfig) -> LabelSignals:
        """With random weights but for label embeddings with a meaning."""
        from tasks.networks.label_signal import LabelSignals

        built = LabelSignals(config.dim, len(config.classes), size=self.size, heads=self.heads, signals=self.signals)
        if self.start == "semantic":
            rng = np.random.default_rng(self.map_seed)
            length = float(built.labels_CD.detach().norm(dim=1).mean())  # as the random ones have it
            vectors_CD = length * semantic_vectors(config.classes, self.size, rng)
            built.labels_CD.data = torch.from_numpy(vectors_CD).float()
        return built


def semantic_vectors(classes: list[str], size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    r"""Unit vectors whose cosines tell how near two classes are in valence and arousal, shape (C, size).

    With p_c the place of a class in the plane::

        cos(v_i, v_j) = exp(-|p_i - p_j|^2 / 2),     |p| = 1 for angry, happy and sad, 0 for neutral

    Four such vectors span a space of four dimensions, which a random orthogonal map takes into the larger one: it
    changes no cosine. A kernel and not the places themselves: neutral, in the middle, has no direction.
    """
    places_C2 = np.array([PLACES[name] for name in classes]) / np.sqrt(2)
    squares_CC = ((places_C2[:, None] - places_C2[None]) ** 2).sum(axis=-1)
    roots_CC = np.linalg.cholesky(np.exp(-squares_CC / 2))
    map_DC, _ = np.linalg.qr(rng.normal(size=(size, len(classes))))
    vectors_CD: NDArray[np.float64] = roots_CC @ map_DC.T
    return vectors_CD
