"""One cell of the benchmark: a transfer with one seed under one set of circumstances, and what methods get of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.transfers.corpora import Corpus, read_corpus
from bench.transfers.lalm import Lalm
from bench.transfers.sources import classifier_folder, hear, judged, load
from bench.transfers.splits import Split, split_of
from bench.transfers.stand_ins import dialled_draws, oracle_logits, rng_of, simulated_draws
from tasks.encoders.features import Features, Part
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.teachers.mc_dropout import draw_by_dropout

CLASSIFIER_DRAWS = 8  # the paper's


@dataclass(frozen=True)
class Scene:
    """The circumstances. `encoder` is the classifiers' (None: logmel), `lalm_encoder` that of the stand-in `third`."""

    encoder: str | None = None
    lalm: Lalm = field(default_factory=Lalm)
    lalm_encoder: str | None = None
    skewed: bool = False
    inductive: bool = False

    @property
    def name(self) -> str:
        """For titles."""
        shares, kind = ("balanced", "skewed")[self.skewed], ("transductive", "inductive")[self.inductive]
        return f"{Path(self.encoder or 'logmel').name}, LALM {self.lalm.name}, {shares}, {kind}"


@dataclass(frozen=True)
class Cell:
    """Everything that a result depends on but the method."""

    scene: Scene
    source: Path
    target: Path
    third: Path | None  # what the stand-in was trained on
    seed: int

    @property
    def transfer(self) -> str:
        """For titles."""
        return f"{self.source.name} → {self.target.name}"


@dataclass(frozen=True)
class Ready:
    """A cell's data in memory. N clips of the target; the split names rows of them.

    Attributes:
        corpus: The target.
        split: Which clips are adapted to and which are tested on.
        features: Of all N clips.
        by_source: The source classifier as it was trained.
        by_target: The same, standardised by the adaptation part.
        lalm_NKC: The LALM's draws.
        third_NKC: Of a third teacher, where the method has one.
        others: What further representations make of all N clips, for methods that want them.
    """

    corpus: Corpus
    split: Split
    features: Features
    by_source: Head
    by_target: Head
    lalm_NKC: NDArray[np.float64]
    third_NKC: NDArray[np.float64] | None = None
    others: tuple[Features, ...] = ()

    def head(self, statistics: str) -> Head:
        """`source` or `target`."""
        return {"source": self.by_source, "target": self.by_target}[statistics]

    def classifier_draws(self, statistics: str, rows: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
        """Shape (len(rows), K, C)."""
        sha256s = [self.corpus.files[row].sha256 for row in rows]
        part = Part(self.features, rows.tolist())
        return draw_by_dropout(self.head(statistics), part, sha256s, CLASSIFIER_DRAWS, seed)


@lru_cache(maxsize=2)
def prepare(cell: Cell, cache: Path) -> Ready:
    """Reads what is stored; trains nothing."""
    scene, corpus = cell.scene, read_corpus(cell.target)
    split = split_of(corpus, scene.skewed, scene.inductive, rng_of("split", cell.target.name, cell.seed))
    features = hear(cell.target, classifier_folder(cell.source, scene.encoder, 0, cache), cache)
    folder = classifier_folder(cell.source, scene.encoder, cell.seed, cache)
    by_source, by_target = load(folder)[0], load(folder)[0]
    by_target.standardise_by(statistics_of(Part(features, split.adapt.tolist())))
    return Ready(corpus, split, features, by_source, by_target, _lalm_draws(cell, corpus, features, cache))


def _lalm_draws(cell: Cell, corpus: Corpus, features: Features, cache: Path) -> NDArray[np.float64]:
    """Of all of the target's clips, whichever are used: a paid model does not know our splits."""
    lalm, seed = cell.scene.lalm, cell.seed
    if lalm.kind == "simulated":
        return simulated_draws(judged(cell.target, cache), corpus.sha256s, seed)
    rng = rng_of(lalm.kind, cell.source.name, cell.target.name, seed)
    classifier_NC = _log_draws(classifier_folder(cell.source, cell.scene.encoder, seed, cache), features, corpus, seed)
    if lalm.kind == "oracle":
        own = oracle_logits(corpus.gold_N, lalm.strength, rng)
    else:
        assert cell.third is not None, "the stand-in `third` needs three corpora"
        folder = classifier_folder(cell.third, cell.scene.lalm_encoder, seed, cache)
        own_features = hear(cell.target, classifier_folder(cell.third, cell.scene.lalm_encoder, 0, cache), cache)
        own = _log_draws(folder, own_features, corpus, seed + 1000)[:, :5]  # other masks than the classifier's
    return dialled_draws(own, classifier_NC.mean(axis=1), lalm, rng)


def _log_draws(classifier: Path, features: Features, corpus: Corpus, seed: int) -> NDArray[np.float64]:
    """Log-probabilities of dropout passes, standardised by the target, shape (N, K, C)."""
    head = load(classifier)[0]
    head.standardise_by(statistics_of(features))
    with torch.inference_mode():
        return np.log(np.maximum(draw_by_dropout(head, features, corpus.sha256s, CLASSIFIER_DRAWS, seed), 1e-6))
