"""A source-filter voice: frames of pitch, voicing, noise and formants in, samples out. No recording is behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

SAMPLE_RATE_HZ = 16_000
FRAME = 80  # 5 ms
HOP = 160  # the tract changes every 10 ms
FFT = 1120  # two hops and 50 ms for the resonators to die away
FRAME_S = FRAME / SAMPLE_RATE_HZ
BANDWIDTHS_HZ = np.array([70.0, 90.0, 130.0, 200.0, 300.0, 400.0])
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
    flow_S = _flow(phase_S % 1.0, effort_S)
    pulses_S = np.diff(flow_S * _pulse_heights(phase_S, tracks, rng), prepend=0.0) * (SAMPLE_RATE_HZ / 1000)
    dull_S = lfilter([0.18], [1, -0.82], pulses_S)  # one pole at 500 Hz: the tilt of a lax voice
    voiced_S = voice_S * ((1 - effort_S) * dull_S + effort_S * pulses_S)
    return voiced_S + _per_sample(tracks.breath_T) * noise_S * (0.3 + 0.7 * flow_S)


def _flow(x_S: Array, effort_S: Array) -> Array:
    """Two cosine pieces (Rosenberg 1971, type C); effort closes the glottis for longer and more sharply."""
    rise_S, fall_S = 0.55 - 0.2 * effort_S, 0.32 - 0.24 * effort_S
    rising_S = 0.5 * (1 - np.cos(np.pi * x_S / rise_S))
    falling_S = np.cos(0.5 * np.pi * np.clip((x_S - rise_S) / fall_S, 0, 1))
    return np.where(x_S < rise_S, rising_S, falling_S)


def _pulse_heights(phase_S: Array, tracks: Tracks, rng: np.random.Generator) -> Array:
    pulse_S = phase_S.astype(np.int64)
    heights_P = np.exp(tracks.shimmer * rng.standard_normal(pulse_S[-1] + 1))
    heights_P[1::2] *= 1 - tracks.creak
    return heights_P[pulse_S]


def _tract(excitation_S: Array, formants_hz_TF: Array) -> Array:
    """Overlapping stretches, each through its own resonators: nothing clicks when the formants move."""
    n_stretches = -(-len(excitation_S) // HOP) + 1
    padded_S = np.pad(excitation_S, (HOP, n_stretches * HOP - len(excitation_S)))
    stretches_KS = sliding_window_view(padded_S, 2 * HOP)[::HOP] * np.hanning(2 * HOP + 1)[:-1]
    centres_K = np.minimum(np.arange(n_stretches) * (HOP // FRAME), len(formants_hz_TF) - 1)
    spectrum_KB = np.fft.rfft(stretches_KS, FFT) / np.fft.rfft(_resonators(formants_hz_TF[centres_K]), FFT)
    parts_KHS = np.fft.irfft(spectrum_KB, FFT).reshape(len(spectrum_KB), FFT // HOP, HOP)
    blocks_KS = np.zeros((len(parts_KHS) + FFT // HOP, HOP))
    for later in range(FFT // HOP):
        blocks_KS[later : later + len(parts_KHS)] += parts_KHS[:, later]
    return blocks_KS.reshape(-1)[HOP : HOP + len(excitation_S)]


def _resonators(hz_TF: Array) -> Array:
    """Denominator of a cascade of two-pole resonators with gain 1 at 0 Hz (Klatt 1980), shape (T, 2 F + 1)."""
    radius_F = np.exp(-np.pi * BANDWIDTHS_HZ / SAMPLE_RATE_HZ)
    cosine_TF = np.cos(2 * np.pi * np.minimum(hz_TF, HIGHEST_FORMANT_HZ) / SAMPLE_RATE_HZ)
    product_TA = np.ones((len(hz_TF), 1))
    for cosine_T, radius in zip(cosine_TF.T, radius_F, strict=True):
        padded = np.pad(product_TA, ((0, 0), (0, 2)))
        middle_T1 = -2 * radius * cosine_T[:, None]
        product_TA = padded + middle_T1 * np.roll(padded, 1, axis=1) + radius**2 * np.roll(padded, 2, axis=1)
    return product_TA / product_TA.sum(axis=1, keepdims=True)


def _teeth(tracks: Tracks, noise_S: Array) -> Array:
    """Friction that the tract does not shape: above 3.8 kHz, and between 1.8 and 4.5 kHz."""
    hiss_S = sosfilt(butter(2, 3800, "highpass", fs=SAMPLE_RATE_HZ, output="sos"), noise_S)
    hush_S = sosfilt(butter(2, [1800, 4500], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), noise_S)
    return _per_sample(tracks.hiss_T) * hiss_S + _per_sample(tracks.hush_T) * hush_S


def _per_sample(values_T: Array) -> Array:
    """Linear between the frames' centres."""
    n_frames = len(values_T)
    return np.interp((np.arange(n_frames * FRAME) + 0.5) / FRAME - 0.5, np.arange(n_frames), values_T)
