"""Trains one head by the product's loop on a part of a corpus, and watches its label embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from bench.label_signals.variants import Variant
from bench.transfers.corpora import CLASSES
from tasks.encoders.features import Features
from tasks.encoders.logmel import LogMelSettings
from tasks.maths.threads import one_thread
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.label_signal import LabelSignals
from tasks.networks.statistics import statistics_of
from tasks.students.source_loop import Course, Loop
from tasks.students.source_network import Network, Stored, new_head
from tasks.students.source_settings import SourceTraining

# The paper's. `mifuse train-source` ends where speakers held out are heard best, here often after a few epochs: too few
# for a moving average that is written back once in each.
_EPOCHS, _LEARNING_RATE = 50, 5e-4


@dataclass(frozen=True)
class Trained:
    """A head, and its label embeddings at the start and after each epoch, shape (C, size) each; none without any."""

    head: Head
    labels: list[torch.Tensor]


def train_head(variant: Variant, features: Features, labels_N: torch.Tensor, seed: int) -> Trained:
    """Learns from all of these clips, in as many epochs whatever the variant.

    Args:
        variant: Which head.
        features: Of N clips.
        labels_N: Their classes.
        seed: Of the weights, the order and dropout.
    """
    training = SourceTraining(epochs=_EPOCHS, learning_rate=_LEARNING_RATE, seed=seed)
    head = new_head(config_of(variant, features, seed), statistics_of(features), seed)
    network = Network(head, Stored(features, torch.device("cpu")))
    loop = Loop(training, network, Course(labels_N, range(len(labels_N)), [], seed, _EPOCHS))
    watched = [*_labels(head)]
    with one_thread():
        for _ in range(_EPOCHS):
            loop.advance()
            watched += _labels(head)
    return Trained(head.eval(), watched)


def _labels(head: Head) -> list[torch.Tensor]:
    return [head.pooling.labels_CD.detach().clone()] if isinstance(head.pooling, LabelSignals) else []


def config_of(variant: Variant, features: Features, seed: int) -> ClassifierConfig:
    """Of a head that hears such features."""
    given: dict[str, Any] = {"n_layers": features.n_layers, "dim": features.dim, "pooling": variant.pooling(seed)}
    # The encoder is not asked anything: the features are there.
    return ClassifierConfig(classes=CLASSES, encoder=LogMelSettings(), encoder_identity={}, **given)
