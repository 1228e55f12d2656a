"""Whisper's encoder: windows of 30 s, of which only the frames with sound count unless asked otherwise."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from tasks.encoders.base import Encoder
from tasks.encoders.huggingface import HuggingFaceSettings

Noise = Callable[[int, float], NDArray[np.float32]]
REAL = Path(__file__).resolve().parents[2].parent / "shared" / "models" / "whisper-base-encoder"


@pytest.fixture(scope="module")
def encoder(small_whisper: Path) -> Encoder:
    return HuggingFaceSettings(model=str(small_whisper)).build("cpu")


def means_by_hand(folder: Path, wave: NDArray[np.float32], *, counted: bool = False) -> NDArray[np.float64]:
    """Each layer's mean over the frames that hold the wave, window by window; nothing shared with the product."""
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).get_encoder().eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    heard = []
    for start in range(0, len(wave), 30 * 16_000):
        window = wave[start : start + 30 * 16_000]
        spectrum = extractor(window, sampling_rate=16_000, return_tensors="pt").input_features
        with torch.no_grad():
            hidden = model(spectrum, output_hidden_states=True).hidden_states
        frames = 1500 if counted else round(len(window) / 320)
        heard.append(np.stack([layer[0, :frames].double().numpy() for layer in hidden], axis=1))
    return np.concatenate(heard).mean(axis=0)


@pytest.mark.parametrize("duration_s", [1.0, 2.5, 30.0, 33.0])
def test_a_row_is_the_mean_over_the_frames_with_sound(
    encoder: Encoder, small_whisper: Path, noise: Noise, duration_s: float
) -> None:
    wave = noise(1, duration_s)
    means_LD = encoder.hear([wave]).means_BLD()[0].numpy()
    np.testing.assert_allclose(means_LD, means_by_hand(small_whisper, wave), atol=2e-6, rtol=2e-6)


def test_padding_counts_where_it_is_asked_for(small_whisper: Path, noise: Noise) -> None:
    """As in transformers' `WhisperForAudioClassification`."""
    encoder, wave = HuggingFaceSettings(model=str(small_whisper), padding="counted").build("cpu"), noise(1, 33.0)
    expected_LD = means_by_hand(small_whisper, wave, counted=True)
    np.testing.assert_allclose(encoder.hear([wave]).means_BLD()[0].numpy(), expected_LD, atol=2e-6, rtol=2e-6)
    assert encoder.hear([wave], frames=True).n_frames_B.tolist() == [3000]


def test_counted_padding_makes_another_encoder(small_whisper: Path) -> None:
    counted = HuggingFaceSettings(model=str(small_whisper), padding="counted")
    assert counted.identity() != HuggingFaceSettings(model=str(small_whisper)).identity()


def test_frames_are_those_with_sound(encoder: Encoder, noise: Noise) -> None:
    waves = [noise(1, 1.0), noise(2, 33.0), noise(3, 0.01)]
    heard = encoder.hear(waves, frames=True)
    assert heard.n_frames_B.tolist() == [50, 1650, 1]
    assert heard.values_BLTD.shape == (3, 3, 1650, 16)
    torch.testing.assert_close(heard.means_BLD(), encoder.hear(waves).means_BLD(), atol=2e-6, rtol=0)


def test_windows_of_a_long_clip_count_by_their_length(encoder: Encoder, noise: Noise) -> None:
    wave = noise(2, 32.0)
    whole, first, rest = encoder.hear([wave, wave[: 30 * 16_000], wave[30 * 16_000 :]]).means_BLD()
    torch.testing.assert_close(whole, (30 * first + 2 * rest) / 32, atol=1e-6, rtol=0)


def test_a_clips_features_do_not_depend_on_its_batch(encoder: Encoder, noise: Noise) -> None:
    """Nine windows of six clips: more than go through the encoder at once, and a clip lies across the border."""
    waves = [noise(n, duration_s) for n, duration_s in enumerate([1.0, 62.0, 0.3, 2.0, 3.0, 31.0])]
    together_NLD = encoder.hear(waves).means_BLD()
    alone_NLD = torch.cat([encoder.hear([wave]).means_BLD() for wave in waves])
    torch.testing.assert_close(together_NLD, alone_NLD, atol=1e-6, rtol=0)


def test_shape_is_known_before_anything_is_encoded(encoder: Encoder, noise: Noise) -> None:
    assert (encoder.n_layers, encoder.dim) == (3, 16)
    assert encoder.hear([noise(1, 0.1)]).means_BLD().shape == (1, 3, 16)


def test_one_sample_after_30_s_does_no_harm(encoder: Encoder, noise: Noise) -> None:
    wave = np.append(noise(1, 30.0), np.float32(0.1))
    whole, cut = encoder.hear([wave, wave[:-1]]).means_BLD()
    torch.testing.assert_close(whole, cut, atol=0.02, rtol=0)


@pytest.fixture(scope="module")
def real() -> Encoder:
    if not (REAL / "model.safetensors").is_file():
        pytest.skip(f"no pretrained encoder at {REAL}")
    return HuggingFaceSettings(model=str(REAL)).build("cpu")


@pytest.mark.slow
def test_the_real_encoder_gives_each_clip_of_a_batch_its_own_mean(real: Encoder, noise: Noise) -> None:
    waves = [noise(n, duration_s) for n, duration_s in enumerate([1.0, 3.0, 31.0])]
    rows_NLD = real.hear(waves).means_BLD()
    assert rows_NLD.shape == (3, 7, 512)
    for n in (0, 2):
        np.testing.assert_allclose(rows_NLD[n].numpy(), means_by_hand(REAL, waves[n]), atol=1e-4)
    assert ((rows_NLD[0] - rows_NLD[1]).abs().amax(dim=-1) > 1e-2).all()


@pytest.mark.slow
def test_the_real_encoders_layers_do_not_depend_on_the_batch(real: Encoder, noise: Noise) -> None:
    """Relative to each layer's size: numbers of the real encoder's layers go up to hundreds."""
    waves = [noise(n, duration_s) for n, duration_s in enumerate([1.0, 4.0, 0.3])]
    together_NLD = real.hear(waves).means_BLD()
    alone_NLD = torch.cat([real.hear([wave]).means_BLD() for wave in waves[::-1]]).flip(0)
    sizes_L = alone_NLD.abs().amax(dim=(0, 2))
    assert ((together_NLD - alone_NLD).abs().amax(dim=(0, 2)) <= 1e-6 * sizes_L.clamp(min=1)).all()
