"""What a stand-in LALM says of every clip of a corpus: five answers, as a sampled model writes them down."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.transfers.corpora import CLASSES
from bench.transfers.lalm import Lalm
from tasks.teachers.loopback.sampling import make_rng, sample_answer

Array = NDArray[np.float64]

DRAWS = 5  # the paper's
TEMPERATURE = 0.6  # the paper's
_SPREAD = 1.5  # nats, root mean square of logits: a usual classifier's
_PROMPTS = 3
_BIASED = CLASSES.index("neutral")


def simulated_draws(judged_NC: Array, sha256s: Sequence[str], seed: int) -> Array:
    """What the loopback server answers from its judgements, shape (N, K, C); each seed has draws of its own.

    The rounded answers are divided by their sum, as `query_lalm` does.
    """
    said_NKC = np.array(
        [
            [_said(judged_C, sha256, seed * DRAWS + draw) for draw in range(DRAWS)]
            for judged_C, sha256 in zip(judged_NC, sha256s, strict=True)
        ]
    )
    return said_NKC / said_NKC.sum(axis=-1, keepdims=True)


def _said(judged_C: Array, sha256: str, seed: int) -> list[float]:
    answer = sample_answer(judged_C, CLASSES, TEMPERATURE, make_rng(seed, sha256, "emotion"))
    return [answer[name] for name in CLASSES]


def oracle_logits(gold_N: NDArray[np.int64], recall: float, rng: np.random.Generator) -> Array:
    """Logits, shape (N, C), whose best class is gold for exactly that share of each class, else any other alike."""
    named_N = gold_N.copy()
    for c in range(len(CLASSES)):
        rows = rng.permutation(np.flatnonzero(gold_N == c))
        wrong = rows[round(recall * len(rows)) :]
        named_N[wrong] = (c + rng.integers(1, len(CLASSES), len(wrong))) % len(CLASSES)
    return standardised(np.eye(len(CLASSES))[named_N])


def dialled_draws(own: Array, classifier_NC: Array, lalm: Lalm, rng: np.random.Generator) -> Array:
    """Answers of a stand-in whose logits are these.

    Args:
        own: Its logits, shape (N, K, C) or, the same for all draws, (N, C).
        classifier_NC: The source classifier's, for errors in common.
        lalm: The dials.
        rng: Every dial's chance.

    Returns:
        Class probabilities in two decimals (but for their sum), shape (N, K, C).
    """
    own_NKC = standardised(np.broadcast_to(own[:, None] if own.ndim == 2 else own, (len(own), DRAWS, len(CLASSES))))
    # All chance is drawn, whatever the dials say, so that turning one leaves the other's noise as it was.
    noise_N1C, offsets_PC = rng.normal(size=(len(own), 1, len(CLASSES))), rng.normal(size=(_PROMPTS, len(CLASSES)))
    gumbel_NKC = rng.gumbel(size=own_NKC.shape)
    if lalm.kind == "third":
        noise_share = (1 - lalm.strength**2) ** 0.5
        own_NKC = lalm.strength * own_NKC + noise_share * standardised(noise_N1C)
    mixed_NKC = (1 - lalm.correlation) * own_NKC + lalm.correlation * standardised(classifier_NC)[:, None]
    heard_NKC = standardised(mixed_NKC) + lalm.prompts * offsets_PC[np.arange(DRAWS) % _PROMPTS]
    heard_NKC[..., _BIASED] += lalm.bias
    probs_NKC = softmax(lalm.sharpness * (heard_NKC + lalm.contradiction * gumbel_NKC)).round(2)
    return probs_NKC / probs_NKC.sum(axis=-1, keepdims=True)


def standardised(logits: Array) -> Array:
    """Centred over the classes, with a root mean square of 1.5 nats over the corpus."""
    centred = logits - logits.mean(axis=-1, keepdims=True)
    return _SPREAD * centred / np.sqrt(np.mean(centred**2))


def softmax(logits: Array) -> Array:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def rng_of(*key: str | int) -> np.random.Generator:
    """Random numbers that depend on the key alone, in every process."""
    return np.random.default_rng([zlib.crc32(str(part).encode()) for part in key])
