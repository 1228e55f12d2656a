"""What of an encoder is trained, and that a trained encoder is saved whole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.pretrained import PretrainedEncoder
from tasks.encoders.trainable import Top

Noise = Callable[[int, float], NDArray[np.float32]]
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}


@pytest.fixture
def wavlm(small_wavlm: Path) -> PretrainedEncoder:
    return HuggingFaceSettings(model=str(small_wavlm)).build("cpu")


@pytest.fixture
def stable(save_wav_encoder: Callable[..., Path], tmp_path: Path) -> PretrainedEncoder:
    folder = save_wav_encoder(tmp_path / "stable", "wav2vec2", **STABLE)
    return HuggingFaceSettings(model=str(folder)).build("cpu")


@pytest.fixture
def whisper(small_whisper: Path) -> PretrainedEncoder:
    return HuggingFaceSettings(model=str(small_whisper)).build("cpu")


def thawed(encoder: PretrainedEncoder) -> set[str]:
    """The first parts of the names of what is trained."""
    names = [name for name, parameter in encoder._family.module.named_parameters() if parameter.requires_grad]
    return {".".join(name.removeprefix("encoder.").split(".")[:2]) for name in names}


def test_a_new_encoder_is_frozen(wavlm: PretrainedEncoder, noise: Noise) -> None:
    assert thawed(wavlm) == set()
    assert not wavlm.hear([noise(1, 0.2)]).values_BLTD.requires_grad


def test_none_freezes_again(wavlm: PretrainedEncoder) -> None:
    assert wavlm.thaw("all")
    assert (wavlm.thaw("none"), thawed(wavlm)) == ([], set())


def test_the_top_layers_of_wavlm_have_their_norms_in_them(wavlm: PretrainedEncoder) -> None:
    """Its encoder's own norm comes before the layers."""
    wavlm.thaw(Top(top=1))
    assert thawed(wavlm) == {"layers.1"}


def test_a_norm_after_the_last_layer_belongs_to_the_top(stable: PretrainedEncoder, whisper: PretrainedEncoder) -> None:
    for encoder in (stable, whisper):
        encoder.thaw(Top(top=1))
        assert thawed(encoder) == {"layers.1", "layer_norm.weight", "layer_norm.bias"}


def test_all_is_everything_but_the_convolutions_in_front(wavlm: PretrainedEncoder, whisper: PretrainedEncoder) -> None:
    wavlm.thaw("all")
    assert {"feature_projection.projection", "pos_conv_embed.conv", "layers.0", "layers.1"} <= thawed(wavlm)
    assert not {name for name in thawed(wavlm) if name.startswith(("feature_extractor", "masked_spec_embed"))}
    whisper.thaw("all")
    assert thawed(whisper) == {"layers.0", "layers.1", "layer_norm.weight", "layer_norm.bias"}


def test_what_is_returned_is_what_gets_gradients(wavlm: PretrainedEncoder, noise: Noise) -> None:
    parameters = wavlm.thaw(Top(top=1))
    wavlm.hear([noise(1, 0.2)]).means_BLD().square().mean().backward()
    assert all(parameter.grad is not None for parameter in parameters)
    others = set(wavlm._family.module.parameters()) - set(parameters)
    assert all(parameter.grad is None for parameter in others)


def test_more_layers_than_there_are_is_refused(wavlm: PretrainedEncoder) -> None:
    with pytest.raises(CheckpointError, match=r"trainable: \{top: 3\}: the encoder has 2 layers"):
        wavlm.thaw(Top(top=3))


@pytest.mark.parametrize("name", ["wavlm", "stable", "whisper"])
def test_a_saved_encoder_hears_the_same(
    request: pytest.FixtureRequest, name: str, tmp_path: Path, noise: Noise
) -> None:
    encoder: PretrainedEncoder = request.getfixturevalue(name)
    with torch.no_grad():
        for parameter in encoder.thaw("all"):
            parameter.add_(0.01)
    encoder.thaw("none")  # with gradients torch chooses another kernel of attention
    encoder.save(tmp_path / "saved")
    again = HuggingFaceSettings(model=str(tmp_path / "saved")).build("cpu")
    heard = [one.hear([noise(1, 0.2), noise(2, 0.3)]).values_BLTD for one in (encoder, again)]
    assert torch.equal(heard[0], heard[1])


def test_a_state_goes_back_to_what_it_was(wavlm: PretrainedEncoder, noise: Noise) -> None:
    before = wavlm.hear([noise(1, 0.2)]).values_BLTD
    state = {name: tensor.clone() for name, tensor in wavlm.state_dict().items()}
    with torch.no_grad():
        for parameter in wavlm.thaw("all"):
            parameter.add_(0.1)
    wavlm.thaw("none")
    assert not torch.equal(wavlm.hear([noise(1, 0.2)]).values_BLTD, before)
    wavlm.load_state_dict(state)
    assert torch.equal(wavlm.hear([noise(1, 0.2)]).values_BLTD, before)
