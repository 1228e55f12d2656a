"""Gradient checkpointing: the same gradients for less memory, with the encoder's own dropout live or not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.encoders.base import Live
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.pretrained import PretrainedEncoder
from tests.networks.audio_classifiers import save_audio_classifier

FAMILIES = ("wavlm", "hubert", "wav2vec2", "whisper")


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            made[family] = save_audio_classifier(tmp_path_factory.mktemp(family), family)
        return made[family]

    return folder


def thawed(folder: Path, *, recomputes: bool) -> PretrainedEncoder:
    encoder = HuggingFaceSettings(model=str(folder)).build("cpu")
    assert isinstance(encoder, PretrainedEncoder)
    encoder.thaw("all")
    if recomputes:
        encoder.recompute_layers()
    return encoder


def gradients(encoder: PretrainedEncoder, live: Live | None) -> dict[str, torch.Tensor]:
    """Of some sum over all that is heard of two clips."""
    rng = np.random.default_rng(0)
    waves = [rng.normal(size=size).astype(np.float32) for size in (4_000, 6_000)]
    heard = encoder.hear(waves, live=live).means_BLD()
    (heard * torch.linspace(-1, 1, heard.numel()).view_as(heard)).sum().backward()
    named = encoder._family.module.named_parameters()
    return {name: p.grad for name, p in named if p.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("live", [None, Live(torch.tensor([7, 8]), (3, 4), 5)], ids=["without dropout", "with dropout"])
def test_gradients_are_the_same_to_the_bit(folder_of: Callable[[str], Path], family: str, live: Live | None) -> None:
    plain = gradients(thawed(folder_of(family), recomputes=False), live)
    again = gradients(thawed(folder_of(family), recomputes=True), live)
    assert plain.keys() == again.keys() != set()
    for name, gradient in plain.items():
        assert torch.equal(gradient, again[name]), name


@pytest.mark.parametrize("family", FAMILIES)
def test_each_layer_is_computed_once_more_in_the_backward_pass(folder_of: Callable[[str], Path], family: str) -> None:
    plain, again = (norms_computed(thawed(folder_of(family), recomputes=recomputes)) for recomputes in (False, True))
    assert again == 2 * plain > 0


def norms_computed(encoder: PretrainedEncoder) -> int:
    """How often the first norm of each layer is computed for one pass forwards and backwards."""
    calls: list[int] = []
    for layer in encoder._family.layers:
        norm = next(module for module in layer.modules() if isinstance(module, torch.nn.LayerNorm))
        norm.register_forward_hook(lambda *args: calls.append(1))
    gradients(encoder, None)
    return len(calls)


def test_the_layers_are_as_before_outside_of_the_pass(folder_of: Callable[[str], Path]) -> None:
    encoder = thawed(folder_of("wavlm"), recomputes=True)
    gradients(encoder, None)
    assert all("forward" not in vars(layer) for layer in encoder._family.layers)


def test_a_twin_has_its_own_thawed_weights_and_shares_the_frozen_ones(folder_of: Callable[[str], Path]) -> None:
    encoder = thawed(folder_of("wavlm"), recomputes=False)
    twin = encoder.twin()
    theirs = dict(twin._family.module.named_parameters())
    for name, parameter in encoder._family.module.named_parameters():
        assert torch.equal(parameter, theirs[name])
        assert (parameter is theirs[name]) == (not parameter.requires_grad)
    assert any(parameter.requires_grad for parameter in theirs.values())
