"""What lies between a mouth and a file: a room, a microphone's band, noise and gain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from tasks.synthesis.voice import SAMPLE_RATE_HZ

MOST = 0.9  # full scale is 1; resampling to and fro overshoots

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Channel:
    """One recording situation."""

    level_dbfs: float  # of a neutral voice
    low_hz: float
    high_hz: float
    noise_db: float  # below a neutral voice
    reverberation_s: float  # time to fall by 60 dB; 0 for none
    reverberant_share: float  # of the energy


STUDIO = Channel(level_dbfs=-27, low_hz=70, high_hz=7000, noise_db=-42, reverberation_s=0.2, reverberant_share=0.04)
PHONE = Channel(level_dbfs=-23, low_hz=300, high_hz=3400, noise_db=-32, reverberation_s=0.45, reverberant_share=0.35)


def vary(channel: Channel, rng: np.random.Generator) -> Channel:
    """The same place on another day, at another distance: what differs between the speakers of one corpus."""
    return Channel(
        level_dbfs=channel.level_dbfs + 1.5 * rng.standard_normal(),
        low_hz=channel.low_hz * np.exp(0.15 * rng.standard_normal()),
        high_hz=channel.high_hz * np.exp(-0.1 * abs(rng.standard_normal())),
        noise_db=channel.noise_db + 4 * rng.standard_normal(),
        reverberation_s=channel.reverberation_s * np.exp(0.2 * rng.standard_normal()),
        reverberant_share=min(channel.reverberant_share * np.exp(0.4 * rng.standard_normal()), 0.6),
    )


def record(wave_S: Array, level_db: float, channel: Channel, rng: np.random.Generator) -> Array:
    """The wave as it lies in the file; `level_db` is how much louder than neutral it was spoken."""
    loud_S = wave_S * 10 ** ((channel.level_dbfs + level_db) / 20) / _active_rms(wave_S)
    heard_S = _in_room(loud_S, channel, rng)
    noise_S = _room_noise(len(heard_S), rng) * 10 ** ((channel.level_dbfs + channel.noise_db) / 20)
    band = butter(2, [channel.low_hz, channel.high_hz], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    recorded_S = sosfilt(band, heard_S + noise_S)
    return recorded_S / (1 + (recorded_S / MOST) ** 4) ** 0.25  # a limiter: bends above half of MOST, never reaches it


def _active_rms(wave_S: Array) -> float:
    """Over the louder half of frames of 20 ms, so that pauses do not make a voice louder."""
    frames = wave_S[: len(wave_S) // 320 * 320].reshape(-1, 320)
    power = np.sort(np.mean(frames**2, axis=1))
    return float(np.sqrt(power[len(power) // 2 :].mean()))


def _in_room(wave_S: Array, channel: Channel, rng: np.random.Generator) -> Array:
    """Direct sound and a tail of noise that dies away, 10 ms later."""
    if not channel.reverberation_s:
        return wave_S
    time_R = np.arange(int(channel.reverberation_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail_R = rng.standard_normal(len(time_R)) * 10 ** (-3 * time_R / channel.reverberation_s) * (time_R > 0.01)
    tail_R *= np.sqrt(channel.reverberant_share / np.square(tail_R).sum())
    tail_R[0] = np.sqrt(1 - channel.reverberant_share)
    return fftconvolve(wave_S, tail_R)[: len(wave_S)]


def _room_noise(n_samples: int, rng: np.random.Generator) -> Array:
    """Between white and brown, as ventilation is; RMS 1."""
    white_S = rng.standard_normal(n_samples)
    pink_S = sosfilt(butter(1, 500, fs=SAMPLE_RATE_HZ, output="sos"), white_S) * 3 + 0.5 * white_S
    return pink_S / np.sqrt(np.mean(pink_S**2))
