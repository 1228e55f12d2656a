"""What a trainer is given and what it gives back. Trainers know neither files nor Prefect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.encoders.features import Features
from tasks.fusion.base import Draws, FittedRule
from tasks.networks.head import Head


@dataclass(frozen=True)
class TrainingData:
    """The target's clips as a trainer sees them: no audio, no gold. N clips, each audio content once.

    Attributes:
        features: What the head hears.
        labels_NC: Pseudo-labels as `fuse_labels` wrote them.
        draws: Of each teacher, in the rule's order; None in the place of the classifier, whose draws are made anew.
        rule: Turns draws into weights. None when the labels are used as they stand.
        classifier_draws: How many passes the moving teacher makes.
        seen_ND: What the rule wants to see of the clips: see `tasks.encoders.embedding`.
        names: What the clips are called in messages; their numbers when None.
        speakers: Who speaks, None where that is not known; None when no trainer asks.
        stored: What the head heard before any training of its encoder; `features` itself when None.
        others: What further representations make of the same clips, in the order of `CohortSettings.beside`.
        lacks_TC: Which classes each teacher has never met, the classifier last; for trainers that label anew.
    """

    features: Features
    labels_NC: torch.Tensor
    draws: Sequence[Draws | None]
    rule: FittedRule | None
    classifier_draws: int
    seen_ND: torch.Tensor | None = None
    names: Sequence[str] | None = None
    speakers: Sequence[str | None] | None = None
    stored: Features | None = None
    lacks_TC: NDArray[np.bool_] | None = None
    others: Sequence[Features] = ()

    @property
    def still(self) -> Features:
        """Features that do not move while training goes on."""
        return self.features if self.stored is None else self.stored

    def __len__(self) -> int:
        return len(self.labels_NC)


@dataclass(frozen=True)
class Named:
    """What a student named some of the clips, without dropout, at P points of its training.

    Attributes:
        steps: How many steps were done at each point.
        rows_M: Which clips, as their places in the training data.
        classes_PM: Numbers of classes, uint8.
    """

    steps: list[int]
    rows_M: torch.Tensor
    classes_PM: torch.Tensor


@dataclass
class Student:
    """A trained head and how it got there.

    Attributes:
        head: Ready to predict.
        curves: One dict per reported step.
        named: What it named the clips on its way.
        labels_NC: What it learnt from, where the trainer made other labels than the pipeline's.
        cohort: One row per member, where it learnt from a cohort.
        warnings: What the trainer itself has to say of how it went.
    """

    head: Head
    curves: list[dict[str, float]] = field(default_factory=list)
    named: Named | None = None
    labels_NC: torch.Tensor | None = None
    cohort: list[dict[str, Any]] | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass
class Checkpoint:
    """Where training stands after `step` steps; plain tensors and numbers, so that it loads without pickle."""

    step: int
    state: dict[str, Any]
    curves: list[dict[str, float]]
