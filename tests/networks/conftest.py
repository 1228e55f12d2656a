"""A small classifier with weights that are all different from 0."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from tasks.encoders.features import Means
from tasks.encoders.logmel import LogMelSettings
from tasks.maths.threads import one_thread
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def config_of(**changed: Any) -> ClassifierConfig:
    encoder = LogMelSettings()
    given = {"classes": ["angry", "happy", "neutral", "sad"], "n_layers": 3, "dim": 5, "hidden": 7, "dropout": 0.3}
    return ClassifierConfig(**given | {"encoder": encoder, "encoder_identity": encoder.identity()} | changed)


def head_of(config: ClassifierConfig, seed: int = 0) -> Head:
    """A head as after training: no two layers weighed alike, statistics other than 0 and 1."""
    torch.manual_seed(seed)
    head = Head(config)
    with torch.no_grad():
        head.layer_scores.copy_(torch.randn(config.n_layers))
    head.standardise_by(statistics_of(Means(3 * torch.randn(11, config.n_layers, config.dim) + 2)))
    return head


@pytest.fixture
def config() -> ClassifierConfig:
    return config_of()


@pytest.fixture
def head(config: ClassifierConfig) -> Head:
    return head_of(config)


@pytest.fixture(name="config_of")
def config_of_fixture() -> Callable[..., ClassifierConfig]:
    return config_of


@pytest.fixture(name="head_of")
def head_of_fixture() -> Callable[..., Head]:
    return head_of
