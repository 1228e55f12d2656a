"""A small crowd: three teachers of different skill, with draws that are missing and numbers of draws that differ."""

import numpy as np
import pandas as pd

from tasks.fusion.base import Draws

NAMES = ["lalm", "classifier", "third"]


def crowd(n: int = 60, c: int = 3, seed: int = 0) -> tuple[list[Draws], np.ndarray]:
    """Draws of three teachers and the truth. A class is named with its probability's rank, never in a tie."""
    rng = np.random.default_rng(seed)
    truth_N = rng.integers(0, c, n)
    draws = []
    for k, accuracy in ((5, 0.8), (8, 0.6), (3, 0.45)):
        is_right_NK = rng.random((n, k)) < accuracy
        named_NK = np.where(is_right_NK, truth_N[:, None], rng.integers(0, c, (n, k)))
        probs_NKC = 0.6 * np.eye(c)[named_NK] + 0.4 * rng.dirichlet(np.ones(c), size=(n, k))
        valid_NK = rng.random((n, k)) > 0.15
        draws.append(Draws(probs_NKC * valid_NK[..., None], valid_NK))
    return draws, truth_N


def votes_of(draws: list[Draws]) -> pd.DataFrame:
    """What crowd-kit is given, one vote after the other."""
    rows = [
        (n, t, int(np.argmax(teacher.probs_NKC[n, k])))
        for t, teacher in enumerate(draws)
        for n, k in zip(*np.nonzero(teacher.valid_NK), strict=True)
    ]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])
