"""What a trainer is given and what it gives back. Trainers know neither files nor Prefect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

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
    """

    features: Features
    labels_NC: torch.Tensor
    draws: Sequence[Draws | None]
    rule: FittedRule | None
    classifier_draws: int

    def __len__(self) -> int:
        return len(self.labels_NC)


@dataclass
class Student:
    """A trained head and how it got there: one dict per reported step."""

    head: Head
    curves: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Checkpoint:
    """Where training stands after `step` steps; plain tensors and numbers, so that it loads without pickle."""

    step: int
    state: dict[str, Any]
    curves: list[dict[str, float]]
