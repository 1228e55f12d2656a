"""Source classifiers that never met one of the classes, widened so that they have a place for it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import yaml

from bench.transfers.corpora import CLASSES, read_corpus
from bench.transfers.sources import classifier_folder

if TYPE_CHECKING:
    from tasks.networks.head import Head

Place = Literal["never", "open"]
NEVER = -20.0  # the logit of a class that the classifier never names: probability 1e-9 beside a usual logit


def source_without(corpus: Path, without: str, place: Place) -> Path:
    """What the source is called in a cell: a name under which `classifier_folder` finds the widened classifier.

    >>> source_without(Path("data/emodb"), "sad", "open").name
    'emodb-without-sad-open'
    """
    return corpus.with_name(f"{corpus.name}-without-{without}-{place}")


def train_without(corpus: Path, without: str, place: Place, encoder: str | None, seed: int, cache: Path) -> Path:
    """What `mifuse train-source` makes of the other classes' clips, with a fourth output, if it is not there yet."""
    from tasks.networks.folder import load_classifier, save_classifier

    folder = classifier_folder(source_without(corpus, without, place), encoder, seed, cache)
    if (folder / "config.json").exists():
        return folder
    narrow, config = load_classifier(train_narrow(corpus, without, encoder, seed, cache))
    wide = config.model_copy(update={"classes": CLASSES})
    save_classifier(folder, widened(narrow, wide, CLASSES.index(without), place), wide)
    return folder


def widened(narrow: Head, config: Any, at: int, place: Place) -> Head:
    """The same head with one output more.

    Args:
        narrow: Of one class less.
        config: That of the wider one.
        at: The new class's place.
        place: What the output says. `never`: NEVER, whatever it hears. `open`: the mean of the other logits, so
            neither for the class nor against it.
    """
    import torch

    from tasks.networks.head import Head

    head = Head(config).eval()
    weights = dict(narrow.state_dict())
    for name in ("to_logits.weight", "to_logits.bias"):
        old = weights[name]
        new = old.mean(dim=0, keepdim=True) if place == "open" else torch.zeros_like(old[:1])
        if place == "never" and name.endswith("bias"):
            new = torch.full_like(new, NEVER)
        weights[name] = torch.cat([old[:at], new, old[at:]])
    head.load_state_dict(weights)
    return head


def train_narrow(corpus: Path, without: str, encoder: str | None, seed: int, cache: Path) -> Path:
    """The classifier of three classes, as `mifuse train-source` makes it."""
    classes = [name for name in CLASSES if name != without]
    folder = classifier_folder(corpus.with_name(f"{corpus.name}-without-{without}"), encoder, seed, cache)
    if (folder / "config.json").exists():
        return folder
    from flows.train_source import train_source

    clips = {"folder": str(corpus), "manifest": str(manifest_without(corpus, without, cache))}
    kind = {"kind": "huggingface", "model": str(Path(encoder).absolute())} if encoder else {"kind": "logmel"}
    settings = {
        "classes": classes,
        "clips": clips,
        "teachers": {"classifier": {"kind": "mc_dropout", "path": str(folder)}},
        "source": {"clips": clips, "encoder": kind, "seed": seed},
    }
    file = cache / "questions" / "pipelines" / f"{folder.name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"pipelines": {folder.name: settings}}, sort_keys=False), encoding="utf-8")
    with contextlib.redirect_stdout(sys.stderr):
        train_source(folder.name, str(file), str(cache))
    return folder


def manifest_without(corpus: Path, without: str, cache: Path) -> Path:
    """The other classes' clips alone."""
    read = read_corpus(corpus)
    kept = [n for n, gold in enumerate(read.gold_N) if CLASSES[gold] != without]
    rows = {
        "path": [str(read.files[n].path.relative_to(corpus)) for n in kept],
        "label": [CLASSES[read.gold_N[n]] for n in kept],
        "speaker": [read.speakers[n] for n in kept],
    }
    file = cache / "questions" / "manifests" / f"{corpus.name}-without-{without}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_csv(file)
    return file
