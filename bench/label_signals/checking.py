"""One check: a head of one variant, trained on part of a corpus, asked about other speakers, other corpora, noise."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from bench.label_signals.hearing import heard_of
from bench.label_signals.noise import Noisy
from bench.label_signals.training import Trained, train_head
from bench.label_signals.variants import Variant
from bench.transfers.corpora import CLASSES, Corpus, read_corpus
from bench.transfers.kept import Result
from bench.transfers.running import answers
from tasks.encoders.features import Features, Part
from tasks.evaluation.metrics import score
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.students.source_clips import LabelledClips, split_clips

WITHIN, ACROSS = "other speakers of the corpus", "another corpus, its statistics, no adaptation"
SNRS_DB = (10, 0, -10, -20)
_HELD_OUT = 0.3  # of the speakers


@dataclass(frozen=True)
class Check:
    """What to train and ask. `encoder` is a folder; None: logmel. `frames`: segments of frames, else time means."""

    corpus: Path
    others: tuple[Path, ...]
    encoder: str | None
    frames: bool
    seed: int
    variant: Variant


@dataclass(frozen=True)
class Checked:
    """What came of it.

    Attributes:
        results: Who was named what, per scene; see `bench.transfers.kept`.
        norms: Mean length of the label embeddings, at the start and after each epoch.
        stays: Mean cosine of an embedding and what it was first.
        between: Mean cosine of the embeddings of two classes.
        separation: Silhouette of the pooled vectors of speakers held out, by gold.
        projection: The same vectors in two dimensions by t-SNE.
        gold: Of these clips, digits.
        seconds: It took.
    """

    results: list[Result]
    norms: list[float]
    stays: list[float]
    between: list[float]
    separation: float
    projection: list[tuple[float, float]]
    gold: str
    seconds: float


def run_check(check: Check, cache: Path) -> Checked:
    """Gold of the speakers held out and of the other corpora is only read to count."""
    started = time.monotonic()
    corpus, features = read_corpus(check.corpus), heard_of(check.corpus, check, cache)
    learnt, held_out = outer_split(corpus, features, check.seed)
    labels_N = torch.from_numpy(corpus.gold_N)
    trained = train_head(check.variant, Part(features, learnt), labels_N[learnt], check.seed)
    asked = Part(features, held_out)
    results = [_result(check, WITHIN, corpus, held_out, answers(trained.head, asked))]
    statistics = statistics_of(Part(features, learnt))
    for snr_db in SNRS_DB:
        noisy = Noisy(asked, statistics, snr_db, check.seed)
        results.append(_result(check, noise(snr_db), corpus, held_out, answers(trained.head, noisy)))
    results += [_across(check, other, trained.head, cache) for other in check.others]
    gold_N = corpus.gold_N[held_out]
    return _checked(trained, results, _pooled(trained.head, asked), gold_N, time.monotonic() - started)


def outer_split(corpus: Corpus, features: Features, seed: int) -> tuple[list[int], list[int]]:
    """Rows to learn from, and rows of speakers that no variant hears in training."""
    clips = LabelledClips(features, torch.from_numpy(corpus.gold_N), corpus.speakers)
    split = split_clips(clips, CLASSES, _HELD_OUT, seed)
    return split.train, split.held_out


def noise(snr_db: float) -> str:
    """The scene's name."""
    return f"{WITHIN}, noise at {snr_db} dB"


def _across(check: Check, other: Path, head: Head, cache: Path) -> Result:
    target, features = read_corpus(other), heard_of(other, check, cache)
    adapted = copy.deepcopy(head)
    adapted.standardise_by(statistics_of(features))
    return _result(check, ACROSS, target, list(range(len(target.files))), answers(adapted, features))


def _result(check: Check, scene: str, corpus: Corpus, rows: Sequence[int], probs_NC: NDArray[np.float64]) -> Result:
    gold_N, who = corpus.gold_N[list(rows)], sorted(set(corpus.speakers))
    scores = score([CLASSES[c] for c in gold_N], probs_NC, CLASSES)
    return Result(
        scene=scene,
        transfer=corpus.name if scene != ACROSS else f"{check.corpus.name} → {corpus.name}",
        target=corpus.name,
        seed=check.seed,
        method=check.variant.name,
        gold="".join(map(str, gold_N)),
        named="".join(map(str, probs_NC.argmax(axis=1))),
        speakers=[who.index(corpus.speakers[row]) for row in rows],
        ua=scores.ua,
        wa=scores.wa,
        curve=[],
        seconds=0.0,
    )


@torch.inference_mode()
def _pooled(head: Head, features: Features) -> NDArray[np.float64]:
    """What the head's layers hear, shape (N, D)."""
    pooled_ND: NDArray[np.float64] = head.pooled(features.rows(range(len(features)))).double().numpy()
    return pooled_ND


def _checked(
    trained: Trained, results: list[Result], pooled_ND: NDArray[np.float64], gold_N: NDArray[np.int64], seconds: float
) -> Checked:
    placed_N2 = TSNE(perplexity=min(30, len(gold_N) // 4), random_state=0).fit_transform(pooled_ND)
    return Checked(
        results=results,
        **trajectories(trained.labels),
        separation=float(silhouette_score(pooled_ND, gold_N)),
        projection=[(round(float(x), 2), round(float(y), 2)) for x, y in placed_N2],
        gold="".join(map(str, gold_N)),
        seconds=seconds,
    )


def trajectories(labels: Sequence[torch.Tensor]) -> dict[str, list[float]]:
    """Means over the classes, and over pairs of classes, one number per epoch; nothing where there are no embeddings.

    >>> still, turned = torch.eye(2), torch.tensor([[0.0, 2.0], [0.0, 1.0]])
    >>> trajectories([still, turned])
    {'norms': [1.0, 1.5], 'stays': [1.0, 0.5], 'between': [0.0, 1.0]}
    """
    units = [torch.nn.functional.normalize(one_CD, dim=1) for one_CD in labels]
    apart = [~torch.eye(len(one_CD), dtype=torch.bool) for one_CD in labels]
    return {
        "norms": [round(float(one_CD.norm(dim=1).mean()), 5) for one_CD in labels],
        "stays": [round(float((one_CD * units[0]).sum(dim=1).mean()), 5) for one_CD in units],
        "between": [round(float((u @ u.T)[a].mean()), 5) for u, a in zip(units, apart, strict=True)],
    }
