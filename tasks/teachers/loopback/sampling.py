"""Turns a judgement into one sampled answer, the way a language model writes down probabilities it does not have."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

COMMITMENT = 2.0  # having picked a word, the model writes down more certainty than the judgement had


def sample_answer(
    logits_C: NDArray[np.float64], classes: Sequence[str], temperature: float, rng: np.random.Generator
) -> dict[str, float]:
    """One answer with two decimals per class; sums may be .99 or 1.01, as models' do. Temperature 0 never varies.

    Gumbel noise of the temperature's size makes the first choice exactly a sample at that temperature (Gumbel-max).
    The sharpened softmax of the moved logits is what gets written down, so draws near a boundary contradict each other:
    at temperature 0.6 and 5 draws on three real corpora the mutual information has a median of .08 to .10 nats and is
    above .3 for 11 to 12 % of the clips.
    """
    moved_C = COMMITMENT * (logits_C + temperature * rng.gumbel(size=len(logits_C)))
    probs_C = np.exp(moved_C - moved_C.max())
    return dict(zip(classes, np.round(probs_C / probs_C.sum(), 2).tolist(), strict=True))


def make_rng(seed: int | None, audio_sha256: str, prompt: str) -> np.random.Generator:
    """Seeded by all that was asked, so that one seed is not one mood for every clip. No seed → fresh randomness."""
    if seed is None:
        return np.random.default_rng()
    question = f"{seed}\n{audio_sha256}\n{hashlib.sha256(prompt.encode()).hexdigest()}"
    return np.random.default_rng(int.from_bytes(hashlib.sha256(question.encode()).digest()[:16]))
