"""The embedded encoder: gain-free, batch-free, finite for whatever a folder may hold."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pydantic
import pytest
import torch
from numpy.typing import NDArray

from tasks.encoders.base import Encoder
from tasks.encoders.contours import ACTIVE_DB, contours_of
from tasks.encoders.logmel import LogMel, LogMelSettings

SECOND = 16_000


def hum(hz: float, seconds: float = 1.0, amplitude: float = 0.1) -> NDArray[np.float32]:
    """A pulse-like tone: 20 harmonics that fall by 6 dB per octave."""
    time_S = np.arange(int(seconds * SECOND)) / SECOND
    harmonics_HS = [np.sin(2 * np.pi * hz * k * time_S) / k for k in range(1, 21) if hz * k < 8000]
    return (amplitude * np.sum(harmonics_HS, axis=0)).astype(np.float32)


def speechlike(seed: int, seconds: float = 1.5) -> NDArray[np.float32]:
    """A hum in syllables of 200 ms with a little noise."""
    wave_S = hum(120 + 20 * seed, seconds)
    syllables_S = 0.5 - 0.5 * np.cos(2 * np.pi * 5 * np.arange(len(wave_S)) / SECOND)
    noise_S = np.random.default_rng(seed).normal(scale=1e-3, size=len(wave_S))
    return (wave_S * syllables_S + noise_S).astype(np.float32)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return LogMelSettings().build()


def test_encode_gives_one_layer_of_dim_numbers_per_clip(encoder: Encoder) -> None:
    rows_NLD = encoder.hear([speechlike(1), speechlike(2)]).means_BLD()
    assert rows_NLD.shape == (2, encoder.n_layers, encoder.dim) == (2, 1, encoder.dim)
    assert (rows_NLD.dtype, rows_NLD.device.type) == (torch.float32, "cpu")


def test_encode_of_no_clips_is_an_empty_tensor_of_the_right_shape(encoder: Encoder) -> None:
    assert encoder.hear([]).means_BLD().shape == (0, 1, encoder.dim)


def test_a_row_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    waves = [speechlike(1, 0.7), speechlike(2, 3.0), np.zeros(SECOND, np.float32), speechlike(3, 1.1)]
    together = encoder.hear(waves).means_BLD()
    alone = torch.cat([encoder.hear([wave]).means_BLD() for wave in reversed(waves)]).flip(0)
    assert torch.equal(together, alone)


ODD_WAVES = {
    "one sample": np.full(1, 0.3, np.float32),
    "ten samples": np.full(10, 0.3, np.float32),
    "a tenth of a second": speechlike(1, 0.1),
    "digital silence": np.zeros(SECOND, np.float32),
    "constant offset": np.full(SECOND, 0.5, np.float32),
    "noise without pitch": np.random.default_rng(0).normal(scale=0.1, size=SECOND).astype(np.float32),
    "one click": np.eye(1, SECOND, 8000, dtype=np.float32)[0],
    "clipped": np.sign(hum(150)).astype(np.float32),
    "hardly above zero": hum(150, amplitude=1e-7),
    "far above one": hum(150, amplitude=3e4),
}


@pytest.mark.parametrize("wave", ODD_WAVES.values(), ids=ODD_WAVES.keys())
def test_every_wave_gives_finite_numbers(encoder: Encoder, wave: NDArray[np.float32]) -> None:
    rows_NLD = encoder.hear([wave]).means_BLD()
    assert torch.isfinite(rows_NLD).all()
    assert rows_NLD.abs().max() < 1e4


@pytest.mark.parametrize("gain", [0.01, 0.3, 4.0])
def test_the_recording_gain_changes_nothing(encoder: Encoder, gain: float) -> None:
    wave = speechlike(2)
    torch.testing.assert_close(
        encoder.hear([wave * np.float32(gain)]).means_BLD(), encoder.hear([wave]).means_BLD(), atol=5e-3, rtol=1e-3
    )


def test_dynamics_within_a_clip_are_kept() -> None:
    wave = speechlike(1, 2.0)
    swelling = wave * np.linspace(0.05, 1, len(wave), dtype=np.float32)
    assert contours_of(torch.from_numpy(swelling)).level_T.std() > contours_of(torch.from_numpy(wave)).level_T.std() + 1


@pytest.mark.parametrize("hz", [70.0, 110.0, 220.0, 330.0, 500.0])
def test_pitch_of_a_hum_is_right_to_a_tenth_of_a_semitone(hz: float) -> None:
    contours = contours_of(torch.from_numpy(hum(hz)))
    steady = contours.semitones_T[10:-10]
    assert contours.is_voiced_T[10:-10].all()
    assert (steady - 12 * np.log2(hz / 55)).abs().max() < 0.1


def test_white_noise_is_hardly_voiced() -> None:
    noise = np.random.default_rng(1).normal(scale=0.1, size=2 * SECOND).astype(np.float32)
    assert contours_of(torch.from_numpy(noise)).is_voiced_T.float().mean() < 0.05


def test_silence_between_words_is_inactive() -> None:
    wave = np.concatenate([hum(150), np.zeros(SECOND, np.float32), hum(150)])
    assert (contours_of(torch.from_numpy(wave)).level_T > ACTIVE_DB).float().mean() == pytest.approx(2 / 3, abs=0.02)


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="bands"):
        LogMelSettings.model_validate({"kind": "logmel", "bands": 40})


def test_importing_the_settings_does_not_import_torch() -> None:
    code = "import sys, tasks.encoders.logmel; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_dim_is_known_before_anything_is_encoded() -> None:
    assert LogMel().dim == 233
