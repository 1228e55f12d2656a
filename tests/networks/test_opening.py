"""A classifier gets an output for a class that it has never met: neither for it nor against it, ready to learn."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head
from tasks.networks.opening import opened_head

Of = Callable[..., ClassifierConfig]
HeadOf = Callable[..., Head]


@pytest.fixture
def heard() -> Frames:
    return Frames.of_means(torch.randn(6, 3, 5, generator=torch.Generator().manual_seed(1)))


def test_the_known_classes_logits_stay_and_the_new_ones_are_their_mean(head: Head, heard: Frames) -> None:
    logits = opened_head(head, ["fear", "bored"])(heard)
    assert torch.equal(logits[:, :4], head(heard))
    torch.testing.assert_close(logits[:, 4:], head(heard).mean(dim=1, keepdim=True).expand(-1, 2))


def test_the_config_names_the_new_classes_last(head: Head) -> None:
    assert opened_head(head, ["fear"]).config.classes == ["angry", "happy", "neutral", "sad", "fear"]
    assert head.config.classes == ["angry", "happy", "neutral", "sad"]


@pytest.mark.parametrize(
    "mapped",
    [
        {"groups": [0, 1, 1, None], "classes": ["angry", "up"]},
        {"shares": [[1, 0], [0.5, 0.5], [0, 1], [0, 0]], "classes": ["angry", "up"]},
    ],
    ids=["groups", "shares"],
)
def test_mapped_outputs_stay_as_they_are_beside_it(
    config_of: Of, head_of: HeadOf, heard: Frames, mapped: dict[str, object]
) -> None:
    """The mean is that of outputs that mean a class: one that is left out says nothing of what a class is like."""
    narrow = head_of(config_of(**mapped))
    opened = opened_head(narrow, ["fear"])
    assert torch.equal(opened(heard)[:, :2], narrow(heard))
    outputs = narrow.to_logits(narrow.hidden(heard))
    torch.testing.assert_close(opened(heard)[:, 2], outputs[:, :3].mean(dim=1))


def test_it_is_saved_and_loaded_as_a_classifier_of_all_classes(head: Head, heard: Frames, tmp_path: Path) -> None:
    opened = opened_head(head, ["fear"])
    save_classifier(tmp_path, opened, opened.config)
    assert torch.equal(load_classifier(tmp_path)[0](heard), opened(heard))


def test_embeddings_of_labels_grow_likewise(config_of: Of) -> None:
    from tasks.networks.label_signal_settings import LabelSignalPooling

    pooling = LabelSignalPooling(size=4, heads=2)
    narrow = Head(config_of(pooling=pooling)).eval()
    grown = opened_head(narrow, ["fear"]).state_dict()
    old = narrow.state_dict()
    changed = {name for name, tensor in grown.items() if tensor.shape != old[name].shape}
    assert len(changed) > 2
    for name in changed:
        torch.testing.assert_close(grown[name][-1], old[name].mean(dim=0))


def test_a_pooling_whose_vector_grows_with_the_classes_is_refused(config_of: Of) -> None:
    """Late fusion hears a score per class, each by the class's own name."""
    from tasks.networks.late_fusion_settings import LateFusionPooling

    encoder = {"kind": "joined", "parts": [{"kind": "logmel"}, {"kind": "clap", "model": "./clap"}]}
    config = config_of(pooling=LateFusionPooling(), encoder=encoder, encoder_identity={}, beside=[(1, 6)])
    with pytest.raises(
        CheckpointError, match=r"to_hidden.weight has the shape \(7, 9\), with the classes that it lacks"
    ):
        opened_head(Head(config), ["fear"])
