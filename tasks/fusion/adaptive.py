"""Who needs another answer, by the mutual-information rule and the classifier's draws of the same clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.fusion.base import Draws
from tasks.fusion.enough_draws import ask_another
from tasks.storage.draws import read_draws


def decider(
    classifier_draws: Path, classes: Sequence[str], *, least: int, most: int, stop: float
) -> Callable[[Sequence[str], NDArray[np.float64], NDArray[np.bool_]], NDArray[np.bool_]]:
    """Clips (sha256) and their draws so far (N, K, C), (N, K) → who needs another one, (N,).

    The rule is always the mutual information, whatever `fuse.kind` is: changing the rule never asks again. A clip that
    the classifier has not seen yet stays open.
    """

    def decide(
        sha256s: Sequence[str], probs_NKC: NDArray[np.float64], valid_NK: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        open_N = np.ones(len(sha256s), dtype=bool)
        at = [n for n, sha256 in enumerate(sha256s) if sha256 in known]
        if at:
            classifier = Draws(*read_draws(classifier_draws, [sha256s[n] for n in at], classes))
            lalm = Draws(probs_NKC[at], valid_NK[at])
            open_N[at] = ask_another(lalm, classifier, least=least, most=most, stop=stop)
        return open_N

    seen: Iterable[str] = (
        pl.read_parquet(classifier_draws, columns=["sha256"])["sha256"] if classifier_draws.is_file() else []
    )
    known = set(seen)
    return decide
