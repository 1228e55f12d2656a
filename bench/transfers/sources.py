"""Source classifiers and stored features, made by the product where they are not there yet."""

from __future__ import annotations

import contextlib
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from bench.transfers.corpora import CLASSES, read_corpus
from tasks.encoders.features import Features, Means
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.teachers.loopback.judge import VERSION, judge_wave


def classifier_folder(corpus: Path, encoder: str | None, seed: int, cache: Path) -> Path:
    """Where the classifier that was trained on this corpus lies; the same as in `bench.source_ua`."""
    return cache / "classifiers" / f"source-{corpus.name}-{Path(encoder).name if encoder else 'logmel'}-{seed}"


def train_if_missing(corpus: Path, encoder: str | None, seed: int, cache: Path) -> Path:
    """What `mifuse train-source` makes of the corpus."""
    folder = classifier_folder(corpus, encoder, seed, cache)
    if (folder / "config.json").exists():
        return folder
    from flows.train_source import train_source

    name = folder.name
    clips = {"folder": str(corpus), "manifest": str(_manifest(corpus, cache))}
    kind = {"kind": "huggingface", "model": str(Path(encoder).absolute())} if encoder else {"kind": "logmel"}
    settings: dict[str, Any] = {
        "classes": CLASSES,
        "clips": clips,
        "teachers": {"classifier": {"kind": "mc_dropout", "path": str(folder)}},
        "source": {"clips": clips, "encoder": kind, "seed": seed},
    }
    file = cache / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"pipelines": {name: settings}}, sort_keys=False), encoding="utf-8")
    with contextlib.redirect_stdout(sys.stderr):
        train_source(name, str(file), str(cache))
    return folder


def _manifest(corpus: Path, cache: Path) -> Path:
    """The corpus's own; where it has other labels too, one of the four classes' clips."""
    import polars as pl

    read = read_corpus(corpus)
    rows = pl.read_csv(corpus / "manifest.csv", infer_schema=False)
    if set(rows["label"]) <= set(CLASSES):
        return corpus / "manifest.csv"
    file = cache / "transfers" / "manifests" / f"{corpus.name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    mapped = {
        "path": [str(file.path.relative_to(corpus)) for file in read.files],
        "label": [CLASSES[gold] for gold in read.gold_N],
        "speaker": read.speakers,
    }
    pl.DataFrame(mapped).write_csv(file)
    return file


def load(folder: Path) -> tuple[Head, ClassifierConfig]:
    """The classifier; its classes must be in the benchmark's order."""
    from tasks.networks.folder import load_classifier

    head, config = load_classifier(folder)
    if config.classes != CLASSES:
        raise ValueError(
            f"{folder}: its classes are {config.classes}, expected {CLASSES}. Delete it to train it again."
        )
    return head, config


@lru_cache(maxsize=6)
def hear(corpus: Path, classifier: Path, cache: Path) -> Features:
    """What the classifier's encoder makes of all of the corpus's clips, in memory.

    The folder of a classifier of another seed gives the same: ask with seed 0, so that it is read once.
    """
    from tasks.networks.config import read_config
    from tasks.networks.heard import features_for

    files = read_corpus(corpus).files
    found = features_for(read_config(classifier), files, cache / "features")
    return Means(found.rows(range(len(files))).means_BLD())


@lru_cache(maxsize=8)
def judged(corpus: Path, cache: Path) -> NDArray[np.float64]:
    """What the simulated LALM thinks of each clip before it samples, shape (N, C); kept on disk."""
    from tasks.storage.audio import read_audio
    from tasks.storage.files import replacing

    clips = read_corpus(corpus)
    file = cache / "transfers" / "judged" / f"{corpus.name}-{VERSION}.npz"
    kept: dict[str, NDArray[np.float64]] = {}
    if file.is_file():
        with np.load(file) as stored:
            kept = dict(zip(stored["sha256s"].tolist(), stored["judged_NC"], strict=True))
    if missing := [clip for clip in clips.files if clip.sha256 not in kept]:
        kept |= {clip.sha256: judge_wave(read_audio(clip.path), CLASSES) for clip in missing}
        with replacing(file) as temporary, temporary.open("wb") as out:
            np.savez(out, sha256s=np.array(list(kept)), judged_NC=np.array(list(kept.values())))
    return np.array([kept[sha256] for sha256 in clips.sha256s])
