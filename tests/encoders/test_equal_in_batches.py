"""With dropout off, a clip's layers are transformers' own for that clip alone, whatever it is batched with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from tasks.encoders.base import Encoder
from tasks.encoders.huggingface import HuggingFaceSettings

Noise = Callable[[int, float], NDArray[np.float32]]
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "wavlm, group norm": ("wavlm", {}),
    "wavlm, layer norm": ("wavlm", STABLE),
    "hubert, group norm": ("hubert", {}),
    "hubert, layer norm": ("hubert", STABLE),
    "hubert, batch norm of positions": ("hubert", {"conv_pos_batch_norm": True, "feat_proj_layer_norm": False}),
    "wav2vec2, group norm": ("wav2vec2", {}),
    "wav2vec2, layer norm": ("wav2vec2", STABLE),
    "data2vec-audio": ("data2vec-audio", {}),
    "whisper": ("whisper", {}),
}


@pytest.fixture(scope="module", params=FAMILIES)
def folder(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    save_wav_encoder: Callable[..., Path],
    save_whisper: Callable[..., Path],
) -> Path:
    model_type, changed = FAMILIES[request.param]
    place = tmp_path_factory.mktemp("encoder")
    return save_whisper(place) if model_type == "whisper" else save_wav_encoder(place, model_type, **changed)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return HuggingFaceSettings(model=str(folder)).build("cpu")


@pytest.fixture
def waves(noise: Noise) -> list[NDArray[np.float32]]:
    return [noise(1, 0.4), noise(2, 2.0), noise(3, 0.15), noise(4, 0.9), noise(5, 0.9)]


def layers_by_transformers(folder: Path, wave: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """One call of the whole model for one clip; nothing shared with the product."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    heard = extractor(wave, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        if model.config.model_type == "whisper":
            hidden = model.get_encoder()(heard.input_features, output_hidden_states=True).hidden_states
            return [layer[0, : round(len(wave) / 320)].double().numpy() for layer in hidden]
        out = model(heard.input_values, output_hidden_states=True)
    last = [out.last_hidden_state] if getattr(model.config, "do_stable_layer_norm", False) else []
    return [layer[0].double().numpy() for layer in [*out.hidden_states, *last]]


def test_the_layers_are_those_of_transformers_for_the_clip_alone(
    encoder: Encoder, folder: Path, waves: list[NDArray[np.float32]]
) -> None:
    heard = encoder.hear(waves, frames=True)
    for n, wave in enumerate(waves):
        expected = layers_by_transformers(folder, wave)
        assert len(expected) == encoder.n_layers
        for layer, expected_TD in enumerate(expected):
            assert len(expected_TD) == heard.n_frames_B[n]
            np.testing.assert_allclose(heard.values_BLTD[n, layer, : len(expected_TD)].numpy(), expected_TD, atol=2e-6)


def test_the_means_are_over_the_clips_own_frames(
    encoder: Encoder, folder: Path, waves: list[NDArray[np.float32]]
) -> None:
    means_NLD = encoder.hear(waves).means_BLD()
    for n, wave in enumerate(waves):
        expected_LD = [layer.mean(axis=0) for layer in layers_by_transformers(folder, wave)]
        np.testing.assert_allclose(means_NLD[n].numpy(), expected_LD, atol=1e-6, rtol=2e-6)  # sums in float32


def test_means_are_the_same_alone_and_together_in_any_order(encoder: Encoder, waves: list[NDArray[np.float32]]) -> None:
    """Group norm, positional convolutions and attention would see the padding of a padded batch."""
    together_NLD = encoder.hear(waves).means_BLD()
    alone_NLD = torch.cat([encoder.hear([wave]).means_BLD() for wave in waves])
    backwards_NLD = encoder.hear(waves[::-1]).means_BLD().flip(0)
    torch.testing.assert_close(together_NLD, alone_NLD, atol=1e-6, rtol=0)
    torch.testing.assert_close(together_NLD, backwards_NLD, atol=1e-6, rtol=0)


def test_other_partners_change_nothing(encoder: Encoder, waves: list[NDArray[np.float32]], noise: Noise) -> None:
    first = encoder.hear([waves[0], noise(8, 3.0)]).means_BLD()[0]
    torch.testing.assert_close(encoder.hear([noise(9, 0.2), waves[0]]).means_BLD()[1], first, atol=1e-6, rtol=0)


def test_frames_are_the_same_alone_and_together(encoder: Encoder, waves: list[NDArray[np.float32]]) -> None:
    together = encoder.hear(waves, frames=True)
    for n, wave in enumerate(waves):
        alone_LTD = encoder.hear([wave], frames=True).values_BLTD[0]
        heard_LTD = together.values_BLTD[n, :, : alone_LTD.shape[1]]
        torch.testing.assert_close(heard_LTD, alone_LTD, atol=2e-6, rtol=0)


def test_after_a_clips_last_frame_there_are_zeros(encoder: Encoder, waves: list[NDArray[np.float32]]) -> None:
    heard = encoder.hear(waves, frames=True)
    for values_LTD, n_frames in zip(heard.values_BLTD, heard.n_frames_B.tolist(), strict=True):
        assert not values_LTD[:, n_frames:].any()
        assert values_LTD[:, :n_frames].any(dim=-1).all()


def test_a_repeated_batch_gives_the_same_bits(encoder: Encoder, waves: list[NDArray[np.float32]]) -> None:
    assert torch.equal(encoder.hear(waves).values_BLTD, encoder.hear(waves).values_BLTD)


def test_no_clips_are_no_rows(encoder: Encoder) -> None:
    assert encoder.hear([]).values_BLTD.shape == (0, encoder.n_layers, 1, encoder.dim)
