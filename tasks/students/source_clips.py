"""Labelled clips, and which of them are held out to tell how well the others taught."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit

from tasks.contracts.errors import ClipsError
from tasks.encoders.features import Features

_TRIES = 100  # of choosing speakers so that every class is on both sides
_LEAST_OF_A_CLASS = 2


@dataclass(frozen=True)
class LabelledClips:
    """Source clips: what the head hears of them, class indices (N,), speakers ("" where unknown)."""

    features: Features
    labels_N: torch.Tensor
    speakers: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels_N)


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to validate on.

    Attributes:
        speakers: Who is held out; None where whole speakers could not be.
        why: Why they could not be, to be told.
    """

    train: list[int]
    held_out: list[int]
    speakers: list[str] | None
    why: str = ""


def split_clips(clips: LabelledClips, classes: Sequence[str], share: float, seed: int) -> Split:
    """Holds out a share of the speakers, so that validation is by voices never heard.

    Where that leaves a class without clips to learn from, the same share of each class's clips is held out instead.

    Raises:
        ClipsError: A class has fewer than two clips: one to learn from and one to validate on.
    """
    labels_N = clips.labels_N.numpy()
    few = [f"{name} ({n})" for name, n in zip(classes, _counts(labels_N, len(classes)), strict=True) if n < 2]
    if few:
        raise ClipsError(
            f"source.clips: too few clips of {', '.join(few)}; at least 2 of each class are needed, one to learn from "
            "and one to validate on. Add some, or take the class out of `classes`."
        )
    if len(set(clips.speakers)) < 2:
        known = "no speaker is known" if set(clips.speakers) <= {""} else "there is only one speaker"
        return _by_clips(labels_N, share, seed, known)
    return _by_speakers(labels_N, clips.speakers, len(classes), share, seed) or _by_clips(
        labels_N, share, seed, "without any speakers so chosen a class would have too few clips to learn from"
    )


def _by_speakers(
    labels_N: NDArray[np.int64], speakers: Sequence[str], n_classes: int, share: float, seed: int
) -> Split | None:
    """The first choice with every class on both sides; else the first with enough of every class to learn from."""
    n_speakers = len(set(speakers))
    n_held_out = min(n_speakers - 1, math.ceil(share * n_speakers))
    splitter = GroupShuffleSplit(n_splits=_TRIES, test_size=n_held_out, random_state=seed)
    fallback: Split | None = None
    for train, held_out in splitter.split(labels_N, groups=list(speakers)):
        if _counts(labels_N[train], n_classes).min() < _LEAST_OF_A_CLASS:
            continue
        split = Split(train.tolist(), held_out.tolist(), sorted({speakers[n] for n in held_out}))
        if _counts(labels_N[held_out], n_classes).min() > 0:
            return split
        fallback = fallback or split
    return fallback


def _by_clips(labels_N: NDArray[np.int64], share: float, seed: int, why: str) -> Split:
    """Of each class the share, at least one clip, and never all of them."""
    rng = np.random.default_rng(seed)
    held_out: list[int] = []
    for label in np.unique(labels_N):
        rows = rng.permutation(np.flatnonzero(labels_N == label))
        held_out += rows[: min(len(rows) - 1, max(1, round(share * len(rows))))].tolist()
    rest = sorted(set(range(len(labels_N))) - set(held_out))
    return Split(rest, sorted(held_out), None, why)


def _counts(labels_N: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    return np.bincount(labels_N, minlength=n_classes)
