"""A head's outputs → class logits by shares: what the outputs' own probabilities give when these are mapped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.contracts.class_map import Labels, class_map
from tasks.encoders.base import Frames
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head

LABELS: Labels = {"happy": {"up": 3, "calm": 1}, "neutral": "calm", "sad": None}
CLASSES = ["angry", "up", "calm"]
HeadOf = Callable[..., Head]


@pytest.fixture
def heard() -> Frames:
    return Frames.of_means(torch.randn(6, 3, 5, generator=torch.Generator().manual_seed(1)))


@pytest.fixture
def own(tmp_path: Path, head: Head, config: ClassifierConfig) -> Path:
    save_classifier(tmp_path / "own", head, config)
    return tmp_path / "own"


def test_softmax_of_the_class_logits_is_the_map_of_the_outputs_probabilities(own: Path, heard: Frames) -> None:
    """With dropout too: the head maps pass by pass, the table draw by draw."""
    raw, config = load_classifier(own)
    mapped, _ = load_classifier(own, LABELS)
    masks = raw.draw_masks(6, 4, torch.Generator().manual_seed(0))
    probs_NKO = raw(heard, masks).double().softmax(dim=-1).detach().numpy()
    expected = class_map(config.classes, LABELS, CLASSES).applied(probs_NKO).probs
    found = mapped(heard, masks).double().softmax(dim=-1).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_weights_of_a_mapped_head_are_those_of_the_folder(own: Path) -> None:
    """The shares stand in the config alone."""
    assert load_classifier(own, LABELS)[0].state_dict().keys() == load_classifier(own)[0].state_dict().keys()


def test_a_mapped_head_is_saved_and_loaded_with_its_shares(own: Path, tmp_path: Path, heard: Frames) -> None:
    mapped, config = load_classifier(own, LABELS)
    save_classifier(tmp_path / "again", mapped, config)
    again, found = load_classifier(tmp_path / "again")
    assert found.classes == CLASSES
    assert torch.equal(again(heard), mapped(heard))


def test_a_pass_that_leaves_almost_nothing_to_the_classes_is_no_answer(own: Path, heard: Frames) -> None:
    mapped, _ = load_classifier(own, LABELS)
    with torch.no_grad():
        mapped.to_logits.weight.zero_()
        mapped.to_logits.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 5.0]))
    assert mapped.answers(mapped.hidden(heard)).tolist() == [True] * 6  # 3 of 3 + e^5: 2 % is left
    with torch.no_grad():
        mapped.to_logits.bias[3] = 6.0
    assert mapped.answers(mapped.hidden(heard)).tolist() == [False] * 6  # 0.7 %


def test_a_head_that_leaves_nothing_out_always_answers(head: Head, heard: Frames) -> None:
    assert head.answers(head.hidden(heard)).tolist() == [True] * 6
