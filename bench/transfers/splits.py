"""Which clips of the target are adapted to, and which are tested on."""

from __future__ import annotations

from dataclasses import dataclass

import click
import numpy as np
from numpy.typing import NDArray

from bench.transfers.corpora import CLASSES, Corpus

SHARES = (1.0, 0.5, 0.25, 0.12)
_LEAST = 5  # clips of a class, where there are so many

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Rows of the corpus. The same rows in both where adaptation is transductive."""

    adapt: Rows
    test: Rows


def split_of(corpus: Corpus, skewed: bool, inductive: bool, rng: np.random.Generator) -> Split:
    """Skewed first: the halves of a skewed target are skewed."""
    rows = skewed_rows(corpus.gold_N, rng) if skewed else np.arange(len(corpus.gold_N))
    if not inductive:
        return Split(rows, rows)
    if not corpus.has_speakers:
        raise click.UsageError(f"{corpus.folder}: --inductive needs a column `speaker` in manifest.csv")
    return disjoint(corpus, rows, rng)


def skewed_rows(gold_N: Rows, rng: np.random.Generator) -> Rows:
    """As many clips as can be had with class shares 1 : .5 : .25 : .12, in an order of the classes by chance."""
    share_C = np.array(SHARES)[rng.permutation(len(CLASSES))]
    count_C = np.bincount(gold_N, minlength=len(CLASSES))
    wanted_C = np.maximum(np.round(np.min(count_C / share_C) * share_C).astype(int), _LEAST)
    kept = [
        rng.choice(np.flatnonzero(gold_N == c), min(wanted_C[c], count_C[c]), replace=False)
        for c in range(len(CLASSES))
    ]
    return np.sort(np.concatenate(kept))


def disjoint(corpus: Corpus, rows: Rows, rng: np.random.Generator) -> Split:
    """Half of the speakers against the other half; where sentences are known, half of these against the other half.

    Clips of one half's speakers with the other half's sentences are in neither part.
    """
    first_N = _in_first_half([corpus.speakers[row] for row in rows], rng)
    last_N = ~first_N
    if corpus.sentences is not None:
        sentence_N = _in_first_half([corpus.sentences[row] for row in rows], rng)
        first_N, last_N = first_N & sentence_N, last_N & ~sentence_N
    return Split(rows[first_N], rows[last_N])


def _in_first_half(names: list[str], rng: np.random.Generator) -> NDArray[np.bool_]:
    known = sorted(set(names))
    first = set(rng.permutation(known)[: (len(known) + 1) // 2].tolist())
    return np.array([name in first for name in names])
