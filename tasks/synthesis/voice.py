"""A source-filter voice: frames of pitch, voicing, noise and formants in, samples out. No recording is behind it."""

# ruff: noqa: N815 (arrays carry their axes, as fields too)

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

SAMPLE_RATE_HZ = 16_000
FRAME = 80  # 5 ms: the filter's coefficients are constant within
FRAME_S = FRAME / SAMPLE_RATE_HZ
BANDWIDTHS_HZ = np.array([70.0, 90.0, 130.0, 200.0, 280.0, 350.0])
HIGHEST_FORMANT_HZ = 7200.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tracks:
    """What the voice does, per frame of 5 ms. T frames, F formants."""

    pitch_hz_T: Array
    voice_T: Array  # amplitude of the glottal pulses, 1 in a plain vowel
    breath_T: Array  # amplitude of the noise at the glottis
    hiss_T: Array  # amplitude of the noise at the teeth, as in "s"
    hush_T: Array  # amplitude of the noise behind them, as in "sh", and of bursts
    effort_T: Array  # 0 is lax and dull, 1 is pressed and bright
    formants_hz_TF: Array
    shimmer: float  # standard deviation of the pulses' amplitude in nepers
    creak: float  # every second pulse is weaker by this share


def speak(tracks: Tracks, rng: np.random.Generator) -> Array:
    """Samples at 16 kHz, FRAME per frame, of no particular level."""
    noise_S = rng.standard_normal(len(tracks.pitch_hz_T) * FRAME)
    excitation_S = _glottis(tracks, noise_S, rng)
    return _tract(excitation_S, tracks.formants_hz_TF) + _teeth(tracks, noise_S)


def _glottis(tracks: Tracks, noise_S: Array, rng: np.random.Generator) -> Array:
    """Flow derivative: pulses between a dull and a bright shape, and noise that passes while the glottis is open."""
    effort_S, voice_S = _per_sample(tracks.effort_T), _per_sample(tracks.voice_T)
    phase_S = np.cumsum(_per_sample(tracks.pitch_hz_T)) / SAMPLE_RATE_HZ
    flow_S = _flow(phase_S % 1.0, open_share_S=0.85 - 0.4 * effort_S)
    pulses_S = np.diff(flow_S * _pulse_heights(phase_S, tracks, rng), prepend=0.0) * (SAMPLE_RATE_HZ / 1000)
    dull_S = lfilter([0.18], [1, -0.82], pulses_S)  # one pole at 500 Hz: the tilt of a lax voice
    voiced_S = voice_S * ((1 - effort_S) * dull_S + effort_S * pulses_S)
    return voiced_S + _per_sample(tracks.breath_T) * noise_S * (0.3 + 0.7 * flow_S)


def _flow(x_S: Array, open_share_S: Array) -> Array:
    """Rosenberg's pulse B: two cosine pieces, two thirds of the open time rising (J. Acoust. Soc. Am. 49, 1971)."""
    rise_S, fall_S = 0.67 * open_share_S, 0.33 * open_share_S
    rising_S = 0.5 * (1 - np.cos(np.pi * x_S / rise_S))
    falling_S = np.cos(0.5 * np.pi * np.clip((x_S - rise_S) / fall_S, 0, 1))
    return np.where(x_S < rise_S, rising_S, falling_S)


def _pulse_heights(phase_S: Array, tracks: Tracks, rng: np.random.Generator) -> Array:
    pulse_S = phase_S.astype(np.int64)
    heights_P = np.exp(tracks.shimmer * rng.standard_normal(pulse_S[-1] + 1))
    heights_P[1::2] *= 1 - tracks.creak
    return heights_P[pulse_S]


def _tract(excitation_S: Array, formants_hz_TF: Array) -> Array:
    """A cascade of two-pole resonators whose state lives on while their frequencies move."""
    sections_TF6 = _resonators(np.minimum(formants_hz_TF, HIGHEST_FORMANT_HZ))
    state_F2 = np.zeros((formants_hz_TF.shape[1], 2))
    frames = []
    for sections_F6, frame in zip(sections_TF6, excitation_S.reshape(-1, FRAME), strict=True):
        filtered, state_F2 = sosfilt(sections_F6, frame, zi=state_F2)
        frames.append(filtered)
    return np.concatenate(frames)


def _resonators(hz_TF: Array) -> Array:
    """Second-order sections (b0 b1 b2 a0 a1 a2) with gain 1 at 0 Hz (Klatt 1980)."""
    radius_F = np.exp(-np.pi * BANDWIDTHS_HZ / SAMPLE_RATE_HZ)
    sections_TF6 = np.zeros((*hz_TF.shape, 6))
    sections_TF6[..., 3] = 1.0
    sections_TF6[..., 4] = -2 * radius_F * np.cos(2 * np.pi * hz_TF / SAMPLE_RATE_HZ)
    sections_TF6[..., 5] = radius_F**2
    sections_TF6[..., 0] = sections_TF6[..., 3:].sum(-1)
    return sections_TF6


def _teeth(tracks: Tracks, noise_S: Array) -> Array:
    """Friction that the tract does not shape: above 3.8 kHz, and between 1.8 and 4.5 kHz."""
    hiss_S = sosfilt(butter(2, 3800, "highpass", fs=SAMPLE_RATE_HZ, output="sos"), noise_S)
    hush_S = sosfilt(butter(2, [1800, 4500], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), noise_S)
    return _per_sample(tracks.hiss_T) * hiss_S + _per_sample(tracks.hush_T) * hush_S


def _per_sample(values_T: Array) -> Array:
    """Linear between the frames' centres."""
    n_frames = len(values_T)
    return np.interp((np.arange(n_frames * FRAME) + 0.5) / FRAME - 0.5, np.arange(n_frames), values_T)
