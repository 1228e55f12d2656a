"""A small classifier, clips with draws of an LALM, and a head that notes what goes through it."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import torch

from tasks.encoders.base import Frames
from tasks.encoders.features import Means
from tasks.fusion.base import Draws
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.maths.threads import one_thread
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head, Masks
from tasks.students.base import TrainingData

CLASSES = ["angry", "happy", "sad"]
CONFIG = ClassifierConfig(
    classes=CLASSES, encoder={"kind": "logmel"}, encoder_identity={}, n_layers=2, dim=5, hidden=8, dropout=0.3
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


class WatchedHead(Head):
    """The head as it is, with a list of all that went through it; copies write to the same list."""

    passes: ClassVar[list[tuple[torch.Tensor, Masks | None, dict[str, torch.Tensor]]]] = []

    def hidden(self, heard: Frames, masks: Masks | None = None, pooled: torch.Tensor | None = None) -> torch.Tensor:
        weights = {name: tensor.detach().clone() for name, tensor in self.state_dict().items()}
        self.passes.append((heard.means_BLD(), masks, weights))
        return super().hidden(heard, masks, pooled)


@pytest.fixture
def config() -> ClassifierConfig:
    return CONFIG


@pytest.fixture
def head() -> Head:
    torch.manual_seed(0)
    return Head(CONFIG)


@pytest.fixture
def watched_head() -> WatchedHead:
    WatchedHead.passes.clear()
    torch.manual_seed(0)
    return WatchedHead(CONFIG)


def data_of(n: int = 12, seed: int = 0, **changed: Any) -> TrainingData:
    """N clips; the LALM refused some draws: one clip has one left, and one has none."""
    generator = torch.Generator().manual_seed(seed)
    probs_NKC = (2 * torch.randn(n, 4, 3, generator=generator)).softmax(dim=-1)
    valid_NK = torch.ones(n, 4, dtype=torch.bool)
    valid_NK[0, 1:], valid_NK[1], valid_NK[2, 3] = False, False, False
    probs_NKC[~valid_NK] = 0
    given: dict[str, Any] = {
        "features": Means(torch.randn(n, 2, 5, generator=generator)),
        "labels_NC": torch.randn(n, 3, generator=generator).softmax(dim=-1),
        "draws": [Draws(probs_NKC, valid_NK), None],
        "rule": MutualInformationRule().fit([], []),
        "classifier_draws": 8,
    }
    return TrainingData(**given | changed)


@pytest.fixture(name="data_of")
def data_of_fixture() -> Callable[..., TrainingData]:
    return data_of
