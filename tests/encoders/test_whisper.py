"""Whisper's encoder: windows of 30 s, of which only the frames with sound count."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from tasks.encoders.base import Encoder
from tasks.encoders.huggingface import HuggingFaceSettings

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "models" / "whisper-base-encoder"


def noise(seed: int, duration_s: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (rng.normal(scale=0.1, size=round(16_000 * duration_s))).astype(np.float32)


@pytest.fixture(scope="module")
def encoder(small_whisper: Path) -> Encoder:
    return HuggingFaceSettings(model=str(small_whisper)).build("cpu")


def means_by_hand(folder: Path, wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each layer's mean over the frames that hold the wave, window by window; nothing shared with the product."""
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).get_encoder().eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    heard = []
    for start in range(0, len(wave), 30 * 16_000):
        window = wave[start : start + 30 * 16_000]
        spectrum = extractor(window, sampling_rate=16_000, return_tensors="pt").input_features
        with torch.no_grad():
            hidden = model(spectrum, output_hidden_states=True).hidden_states
        frames = round(len(window) / 320)
        heard.append(np.stack([layer[0, :frames].double().numpy() for layer in hidden], axis=1))
    return np.concatenate(heard).mean(axis=0)


@pytest.mark.parametrize("duration_s", [1.0, 2.5, 30.0, 33.0])
def test_a_row_is_the_mean_over_the_frames_with_sound(encoder: Encoder, small_whisper: Path, duration_s: float) -> None:
    wave = noise(1, duration_s)
    np.testing.assert_allclose(encoder.encode([wave])[0].numpy(), means_by_hand(small_whisper, wave), atol=1e-5)


def test_windows_of_a_long_clip_count_by_their_length(encoder: Encoder) -> None:
    wave = noise(2, 32.0)
    whole, first, rest = encoder.encode([wave, wave[: 30 * 16_000], wave[30 * 16_000 :]])
    torch.testing.assert_close(whole, (30 * first + 2 * rest) / 32, atol=1e-5, rtol=0)


def test_a_clips_features_do_not_depend_on_its_batch(encoder: Encoder) -> None:
    """Nine windows of six clips: more than go through the encoder at once, and a clip lies across the border."""
    waves = [noise(n, duration_s) for n, duration_s in enumerate([1.0, 62.0, 0.3, 2.0, 3.0, 31.0])]
    together_NLD = encoder.encode(waves)
    alone_NLD = torch.cat([encoder.encode([wave]) for wave in waves])
    torch.testing.assert_close(together_NLD, alone_NLD, atol=1e-5, rtol=0)


def test_shape_is_known_before_anything_is_encoded(encoder: Encoder) -> None:
    assert (encoder.n_layers, encoder.dim) == (3, 16)
    assert encoder.encode([noise(1, 0.1)]).shape == (1, 3, 16)


def test_one_sample_after_30_s_does_no_harm(encoder: Encoder) -> None:
    wave = np.append(noise(1, 30.0), np.float32(0.1))
    whole, cut = encoder.encode([wave, wave[:-1]])
    torch.testing.assert_close(whole, cut, atol=0.02, rtol=0)


@pytest.fixture(scope="module")
def real() -> Encoder:
    if not (REAL / "model.safetensors").is_file():
        pytest.skip(f"no pretrained encoder at {REAL}")
    return HuggingFaceSettings(model=str(REAL)).build("cpu")


@pytest.mark.slow
def test_the_real_encoder_gives_each_clip_of_a_batch_its_own_mean(real: Encoder) -> None:
    waves = [noise(n, duration_s) for n, duration_s in enumerate([1.0, 3.0, 31.0])]
    rows_NLD = real.encode(waves)
    assert rows_NLD.shape == (3, 7, 512)
    for n in (0, 2):
        np.testing.assert_allclose(rows_NLD[n].numpy(), means_by_hand(REAL, waves[n]), atol=1e-3)
    assert ((rows_NLD[0] - rows_NLD[1]).abs().amax(dim=-1) > 1e-2).all()
