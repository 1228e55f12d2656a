"""Measures how something was said: eight numbers about loudness, pitch, tempo and brightness of one clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.storage.audio import SAMPLE_RATE_HZ

FRAME, HOP, FFT = 640, 160, 1024  # 40 ms holds two periods at 50 Hz; 10 ms steps
LOWEST_HZ, HIGHEST_HZ = 60.0, 600.0  # shouted women and children reach 600 Hz
VOICED_FROM = 0.5  # height of the autocorrelation peak; Boersma 1993 uses 0.45 with a path search that we do not have
CLEAR_FROM = 0.75  # creaky and breathy frames are voiced, but their pitch is a guess
OCTAVE_COST = 0.03  # per octave, favours the shorter of two equally good periods (Boersma 1993: 0.01 on longer windows)
MOST_STEP_ST = 2.0  # a jump of more in 10 ms is a tracking error
ACTIVE_DB = 25.0  # a frame is speech when at most this far below the loud frames
SILENCE_DBFS = -90.0
PITCH_REFERENCE_HZ = 27.5  # semitones are counted from here, as GeMAPS does

# what neutral speech of adults of both sexes has, and a usual deviation from it
USUAL: dict[str, tuple[float, float]] = {
    "level_dbfs": (-30.0, 10.0),
    "pitch_st": (30.0, 6.0),  # 156 Hz, between men and women: who judges by this does not know who speaks
    "pitch_range_st": (7.0, 3.0),
    "pitch_motion_st_s": (27.0, 8.0),
    "pitch_roughness": (0.8, 0.1),
    "rate_hz": (4.8, 0.8),
    "voiced_share": (0.83, 0.08),
    "brightness_db": (-15.0, 4.0),
}

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Prosody:
    """What a listener hears beyond the words. Every number is finite, for silence too."""

    level_dbfs: float  # median of the active frames
    pitch_st: float  # median of the voiced frames, semitones above 27.5 Hz; 0 without a voiced frame
    pitch_range_st: float  # 10th to 90th percentile
    pitch_motion_st_s: float  # mean absolute slope within voiced stretches
    pitch_roughness: float  # change of slope against slope: 0 for a glide, 1.3 for pure jitter
    rate_hz: float  # energy peaks (about syllables) per second of active speech
    voiced_share: float  # of the active frames
    brightness_db: float  # 1-5 kHz against 50-1000 Hz in voiced frames: the alpha ratio of GeMAPS turned over


def measure_prosody(wave: Array) -> Prosody:
    """16 kHz mono samples in [-1, 1], of any length → their prosody."""
    frames = _frames(np.nan_to_num(np.asarray(wave, dtype=np.float32)))
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), FFT)) ** 2
    level_db = 10 * np.log10(np.maximum(np.mean(frames**2, axis=1), 10 ** (SILENCE_DBFS / 10)))
    active = level_db >= max(np.percentile(level_db, 95) - ACTIVE_DB, SILENCE_DBFS + 1)
    pitch_st, height = _pitch(power)
    voiced, clear = active & (height >= VOICED_FROM), active & (height >= CLEAR_FROM)
    motion, roughness = _motion(pitch_st, clear)
    return Prosody(
        level_dbfs=_median(level_db[active], SILENCE_DBFS),
        pitch_st=_median(pitch_st[clear]),
        pitch_range_st=_spread(pitch_st[clear]),
        pitch_motion_st_s=motion,
        pitch_roughness=roughness,
        rate_hz=_peaks(level_db, active) / max(active.sum() * HOP / SAMPLE_RATE_HZ, 0.25),
        voiced_share=float(voiced.sum() / max(active.sum(), 1)),
        brightness_db=_brightness(power[voiced]),
    )


def deviations_of(prosody: Prosody) -> dict[str, float]:
    """How far each number lies from that of neutral speech, in usual deviations.

    >>> neutral = Prosody(**{name: typical for name, (typical, _) in USUAL.items()})
    >>> set(deviations_of(neutral).values())
    {0.0}
    """
    return {name: (getattr(prosody, name) - typical) / usual for name, (typical, usual) in USUAL.items()}


def _frames(wave: Array) -> Array:
    """Overlapping frames, each without its mean (a recorder's offset is no sound)."""
    wave = np.pad(wave, (0, max(FRAME - len(wave), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(wave, FRAME)[::HOP]
    return frames - frames.mean(axis=1, keepdims=True)


def _pitch(power: Array) -> tuple[Array, Array]:
    """Semitones and peak height per frame, in two passes: the speaker's own range keeps octave errors out.

    The second pass searches 0.75 x the lower to 1.5 x the upper quartile of the first (De Looze & Hirst 2008).
    """
    correlation = _autocorrelation(power)
    hz, height = _best_peak(correlation, LOWEST_HZ, HIGHEST_HZ)
    if (height >= VOICED_FROM).any():
        lower, upper = np.percentile(hz[height >= VOICED_FROM], [25, 75])
        hz, height = _best_peak(correlation, max(0.75 * lower, LOWEST_HZ), min(1.5 * upper, HIGHEST_HZ))
    return 12 * np.log2(hz / PITCH_REFERENCE_HZ), height


def _autocorrelation(power: Array) -> Array:
    """Per frame, corrected for the window (Boersma 1993). Hiss above 1.5 kHz would only lower every peak."""
    own = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(FRAME), FFT)) ** 2)
    correlation = np.fft.irfft(power * (np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE_HZ) < 1500))
    reach = int(SAMPLE_RATE_HZ / LOWEST_HZ) + 2
    return correlation[:, :reach] / np.maximum(correlation[:, :1], 1e-12) * (own[0] / own[:reach])


def _best_peak(correlation: Array, lowest_hz: float, highest_hz: float) -> tuple[Array, Array]:
    """Frequency and height of the highest peak whose period lies in the range; height 0 where there is none."""
    lags = np.arange(int(SAMPLE_RATE_HZ / highest_hz), int(SAMPLE_RATE_HZ / lowest_hz) + 1)
    here, before, after = (correlation[:, lags[0] + by : lags[-1] + 1 + by] for by in (0, -1, 1))
    is_peak = (here > before) & (here >= after)
    best = np.where(is_peak, here - OCTAVE_COST * np.log2(lags / lags[0]), -np.inf).argmax(axis=1)
    each = np.arange(len(here))
    left, top, right = before[each, best], here[each, best], after[each, best]
    bend = np.minimum(left - 2 * top + right, -1e-9)
    period = lags[best] + np.clip((left - right) / (2 * bend), -0.5, 0.5)  # a parabola through three lags
    return SAMPLE_RATE_HZ / period, np.where(is_peak.any(axis=1), top, 0).clip(0, 1)


def _motion(pitch_st: Array, voiced: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean absolute slope in semitones per second, and the change of slope as a multiple of it."""
    step = np.diff(pitch_st)
    tracked = voiced[1:] & voiced[:-1] & (np.abs(step) < MOST_STEP_ST)
    slope = np.abs(step[tracked])
    bend = np.abs(np.diff(step))[tracked[1:] & tracked[:-1]]
    if not len(bend):
        return 0.0, 0.0
    return float(slope.mean() * SAMPLE_RATE_HZ / HOP), float(bend.mean() / max(slope.mean(), 1e-3))


def _peaks(level_db: Array, active: NDArray[np.bool_]) -> int:
    """Energy peaks that rise 2 dB or more above the dips within 120 ms on both sides: about one per syllable."""
    smooth = np.convolve(np.pad(level_db, 3, mode="edge"), np.hanning(9)[1:-1] / 4, mode="valid")
    reach = 12
    around = np.lib.stride_tricks.sliding_window_view(np.pad(smooth, reach, mode="edge"), 2 * reach + 1)
    dip_before, dip_after = around[:, :reach].min(axis=1), around[:, reach + 1 :].min(axis=1)
    is_top = smooth >= around[:, reach // 2 : -(reach // 2)].max(axis=1)
    return int((active & is_top & (smooth - np.maximum(dip_before, dip_after) >= 2)).sum())


def _brightness(power: Array) -> float:
    """dB between the mean power of 1-5 kHz and of 50-1000 Hz; -30 (dull) where nothing is voiced."""
    hz = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE_HZ)
    low, high = power[:, (hz >= 50) & (hz < 1000)].sum(axis=1), power[:, (hz >= 1000) & (hz < 5000)].sum(axis=1)
    return _median(10 * np.log10((high + 1e-9) / (low + 1e-9)), -30.0)


def _median(values: Array, otherwise: float = 0.0) -> float:
    return float(np.median(values)) if len(values) else otherwise


def _spread(values: Array) -> float:
    return float(np.subtract(*np.percentile(values, [90, 10]))) if len(values) else 0.0
