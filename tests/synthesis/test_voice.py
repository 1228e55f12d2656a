"""The voice has the pitch, the formants and the brightness that it was asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from tasks.synthesis.voice import FRAME, SAMPLE_RATE_HZ, Tracks, _resonators, _tract, speak

N_FRAMES = 100
SCHWA_HZ = np.array([500.0, 1500.0, 2500.0, 3500.0, 4500.0, 5500.0])
STILL = np.zeros(N_FRAMES)
VOWEL = Tracks(
    pitch_hz_T=np.full(N_FRAMES, 120.0),
    voice_T=np.ones(N_FRAMES),
    breath_T=STILL,
    hiss_T=STILL,
    hush_T=STILL,
    effort_T=np.full(N_FRAMES, 0.5),
    formants_hz_TF=np.tile(SCHWA_HZ, (N_FRAMES, 1)),
    shimmer=0.0,
    creak=0.0,
)


def said(tracks: Tracks) -> NDArray[np.float64]:
    return speak(tracks, np.random.default_rng(0))


def power_between(wave_S: NDArray[np.float64], low_hz: float, high_hz: float) -> float:
    power_F = np.abs(np.fft.rfft(wave_S * np.hanning(len(wave_S)))) ** 2
    hz_F = np.fft.rfftfreq(len(wave_S), 1 / SAMPLE_RATE_HZ)
    return float(power_F[(hz_F >= low_hz) & (hz_F < high_hz)].sum())


def test_it_gives_one_frame_of_samples_per_frame_of_tracks() -> None:
    assert len(said(VOWEL)) == N_FRAMES * FRAME


@pytest.mark.parametrize("hz", [80.0, 200.0, 400.0])
def test_pulses_come_at_the_pitch(hz: float) -> None:
    wave_S = said(replace(VOWEL, pitch_hz_T=np.full(N_FRAMES, hz)))
    correlation = np.correlate(wave_S, wave_S, "full")[len(wave_S) - 1 :]
    first, last = int(0.7 * SAMPLE_RATE_HZ / hz), int(1.4 * SAMPLE_RATE_HZ / hz)
    assert first + correlation[first:last].argmax() == pytest.approx(SAMPLE_RATE_HZ / hz, abs=1)


def test_a_formant_lifts_its_part_of_the_spectrum() -> None:
    low, high = (np.tile(SCHWA_HZ, (N_FRAMES, 1)) for _ in range(2))
    low[:, 1], high[:, 1] = 900.0, 2100.0
    waves = [said(replace(VOWEL, formants_hz_TF=formants)) for formants in (low, high)]
    shares = [power_between(wave, 800, 1000) / power_between(wave, 2000, 2200) for wave in waves]
    assert shares[0] > 100 * shares[1]


def test_effort_makes_a_voice_brighter() -> None:
    lax, pressed = (said(replace(VOWEL, effort_T=np.full(N_FRAMES, effort))) for effort in (0.1, 0.9))
    slopes_db = [
        10 * np.log10(power_between(wave, 1000, 5000) / power_between(wave, 50, 1000)) for wave in (lax, pressed)
    ]
    assert slopes_db[1] > slopes_db[0] + 6


def test_breath_without_voice_is_noise() -> None:
    wave_S = said(replace(VOWEL, voice_T=STILL, breath_T=np.ones(N_FRAMES)))
    correlation = np.correlate(wave_S, wave_S, "full")[len(wave_S) - 1 :]
    assert correlation[100:300].max() < 0.3 * correlation[0]


def test_hiss_lies_above_the_voice() -> None:
    wave_S = said(replace(VOWEL, voice_T=STILL, hiss_T=np.ones(N_FRAMES)))
    assert power_between(wave_S, 3500, 8000) > 20 * power_between(wave_S, 0, 2500)


def test_silent_tracks_are_silent() -> None:
    assert not said(replace(VOWEL, voice_T=STILL)).any()


@pytest.mark.parametrize("n_frames", [1, 2, 7, 400])
def test_with_formants_at_rest_the_tract_is_an_ordinary_filter(n_frames: int) -> None:
    excitation_S = np.random.default_rng(0).standard_normal(n_frames * FRAME)
    formants_TF = np.tile(SCHWA_HZ, (n_frames, 1))
    expected_S = lfilter([1.0], _resonators(formants_TF[:1])[0], excitation_S)
    np.testing.assert_allclose(_tract(excitation_S, formants_TF), expected_S, atol=1e-3)


def test_moving_formants_do_not_click() -> None:
    """Above the highest formant a click would stand out from the dull voice."""
    moving = np.tile(SCHWA_HZ, (N_FRAMES, 1))
    moving[:, 1] = np.linspace(900, 2300, N_FRAMES)
    still, glide = (said(replace(VOWEL, formants_hz_TF=formants)) for formants in (VOWEL.formants_hz_TF, moving))
    assert power_between(glide, 6500, 8000) < 10 * power_between(still, 6500, 8000)
