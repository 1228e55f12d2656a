"""Frame by frame, what a clip sounds like: log-mel bands, level and pitch, all free of the recording's gain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

SAMPLE_RATE_HZ = 16_000
HOP = 160  # 10 ms
FRAME = 400  # 25 ms
PITCH_FRAME = 640  # 40 ms: 2.4 periods of the lowest pitch
FFT = 512
PITCH_FFT = 2048
N_BANDS = 40
DYNAMIC_RANGE_DB = 60.0  # what is softer than this below the clip's loud frames counts as silence
PITCH_HZ = (60.0, 550.0)
ACTIVE_DB = -35.0  # frames above this are speech
VOICED = 0.45  # least normalised autocorrelation of a voiced frame (Boersma 1993)
BAND_EDGES_HZ = 700 * (10 ** (torch.linspace(97.5, 2782.0, N_BANDS + 2) / 2595) - 1)  # equal mel steps to 7.6 kHz
BAND_CENTRES_HZ = BAND_EDGES_HZ[1:-1]
OCTAVE_COST = 0.05  # per octave below the ceiling: among equal peaks the shorter lag is the period
_BLOCK_FRAMES = 4096  # 41 s: the spectra of ten minutes at once would take more than a gigabyte


@dataclass(frozen=True)
class Contours:
    """One clip's frames. T frames of 10 ms; dB are relative to the clip's loud frames (95th percentile)."""

    mel_TB: torch.Tensor  # dB
    level_T: torch.Tensor  # dB, within [-60, ...]
    semitones_T: torch.Tensor  # above 55 Hz; 0 where unvoiced
    voicing_T: torch.Tensor  # height of the autocorrelation peak, [0, 1]
    is_voiced_T: torch.Tensor  # bool


def contours_of(wave: torch.Tensor) -> Contours:
    """The contours of one 16 kHz wave of any length, silence included."""
    energy_T, bands_TB = _in_blocks(_energy, _frames(wave, FRAME))
    loud = torch.quantile(energy_T, 0.95).clamp_min(1e-10)
    floor = loud * 10 ** (-DYNAMIC_RANGE_DB / 10)
    level_T = _db((energy_T + floor) / loud)
    mel_TB = _db((bands_TB + floor / N_BANDS) / loud * N_BANDS)
    semitones_T, voicing_T, is_voiced_T = _pitch(wave, level_T)
    return Contours(mel_TB, level_T, semitones_T, voicing_T, is_voiced_T)


def _frames(wave: torch.Tensor, length: int) -> torch.Tensor:
    """Frames centred on every 10 ms, so that frames of every length line up."""
    n_frames = 1 + len(wave) // HOP
    padded = torch.nn.functional.pad(wave, (length // 2, length))
    return padded.unfold(0, length, HOP)[:n_frames]


def _in_blocks(
    look: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], frames_TX: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """What `look` sees in all frames, a block of them after the other."""
    blocks = [look(frames_TX[at : at + _BLOCK_FRAMES]) for at in range(0, len(frames_TX), _BLOCK_FRAMES)]
    return blocks[0] if len(blocks) == 1 else tuple(torch.cat(parts) for parts in zip(*blocks, strict=True))


def _energy(frames_TS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Power of each frame, and of its bands."""
    power_TF = torch.fft.rfft(frames_TS * _hann(FRAME), FFT).abs().square()
    return power_TF.sum(-1), power_TF @ _mel_filters()


def _pitch(wave: torch.Tensor, level_T: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pitch in two passes: the first one's quartiles give the second its range (De Looze & Hirst 2008)."""
    (correlation_TL,) = _in_blocks(_autocorrelation, _frames(wave, PITCH_FRAME))
    low_hz, high_hz = PITCH_HZ
    semitones_T, voicing_T = _best_lags(correlation_TL, low_hz, high_hz)
    is_voiced_T = (voicing_T > VOICED) & (level_T > ACTIVE_DB)
    if is_voiced_T.any():
        first_T = semitones_T[is_voiced_T]
        low_hz = max(low_hz, _hertz(torch.quantile(first_T, 0.25).item()) * 0.6)
        high_hz = min(high_hz, _hertz(torch.quantile(first_T, 0.75).item()) * 2.0)
        semitones_T, voicing_T = _best_lags(correlation_TL, low_hz, high_hz)
        is_voiced_T = (voicing_T > VOICED) & (level_T > ACTIVE_DB)
    return _median_of_five(semitones_T) * is_voiced_T, voicing_T, is_voiced_T


def _autocorrelation(frames_TS: torch.Tensor) -> tuple[torch.Tensor]:
    """Per frame and lag, divided by the window's own autocorrelation (Boersma 1993, eq. 9)."""
    window = _hann(PITCH_FRAME)
    frames_TS = (frames_TS - frames_TS.mean(-1, keepdim=True)) * window
    raw_TL = torch.fft.irfft(torch.fft.rfft(frames_TS, PITCH_FFT).abs().square())
    window_L = torch.fft.irfft(torch.fft.rfft(window, PITCH_FFT).abs().square())
    n_lags = math.ceil(SAMPLE_RATE_HZ / PITCH_HZ[0]) + 2
    relative_TL = raw_TL[:, :n_lags] / raw_TL[:, :1].clamp_min(1e-10)
    return (relative_TL / (window_L[:n_lags] / window_L[0]),)


def _best_lags(correlation_TL: torch.Tensor, low_hz: float, high_hz: float) -> tuple[torch.Tensor, torch.Tensor]:
    semitones_T, voicing_T = _in_blocks(lambda some_TL: _best_lag(some_TL, low_hz, high_hz), correlation_TL)
    return semitones_T, voicing_T


def _best_lag(correlation_TL: torch.Tensor, low_hz: float, high_hz: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Semitones and height of each frame's best peak, refined by a parabola through three lags."""
    first, last = int(SAMPLE_RATE_HZ / high_hz), int(SAMPLE_RATE_HZ / low_hz)
    lags_L = torch.arange(first, last + 1)
    middle_TL = correlation_TL[:, first : last + 1]
    before_TL, after_TL = correlation_TL[:, first - 1 : last], correlation_TL[:, first + 1 : last + 2]
    is_peak_TL = (middle_TL >= before_TL) & (middle_TL >= after_TL)
    score_TL = (middle_TL - OCTAVE_COST * torch.log2(lags_L / first)).masked_fill(~is_peak_TL, -2.0)
    best_T1 = score_TL.argmax(-1, keepdim=True)
    left, top, right = (x.gather(1, best_T1).squeeze(1) for x in (before_TL, middle_TL, after_TL))
    shift_T = 0.5 * (left - right) / (left - 2 * top + right).clamp_max(-1e-6)
    lag_T = lags_L[best_T1.squeeze(1)] + shift_T.clamp(-0.5, 0.5)
    return 12 * torch.log2(SAMPLE_RATE_HZ / lag_T / 55.0), top.clamp(0, 1)


def _median_of_five(values_T: torch.Tensor) -> torch.Tensor:
    padded = torch.cat([values_T[:1].expand(2), values_T, values_T[-1:].expand(2)])
    return padded.unfold(0, 5, 1).median(-1).values


def _hertz(semitones: float) -> float:
    return 55.0 * 2 ** (semitones / 12)


def _db(power: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(power)


@cache
def _hann(length: int) -> torch.Tensor:
    return torch.hann_window(length, periodic=False)


@cache
def _mel_filters() -> torch.Tensor:
    """Triangles on the mel scale, shape (F, B)."""
    bins_F1 = torch.linspace(0, SAMPLE_RATE_HZ / 2, FFT // 2 + 1)[:, None]
    rising = (bins_F1 - BAND_EDGES_HZ[:-2]) / (BAND_EDGES_HZ[1:-1] - BAND_EDGES_HZ[:-2])
    falling = (BAND_EDGES_HZ[2:] - bins_F1) / (BAND_EDGES_HZ[2:] - BAND_EDGES_HZ[1:-1])
    return torch.minimum(rising, falling).clamp_min(0)
