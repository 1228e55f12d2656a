"""What is left of a clip's contours when time is taken away: a fixed number of statistics."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import torch

from tasks.encoders.contours import ACTIVE_DB, BAND_CENTRES_HZ, HOP, N_BANDS, SAMPLE_RATE_HZ, Contours

FRAME_S = HOP / SAMPLE_RATE_HZ
N_CEPSTRA = 16
N_STATISTICS = 3 * N_BANDS + 2 * N_CEPSTRA + 81
MODULATION_HZ = (0.5, 2.0, 4.0, 6.0, 9.0, 13.0, 20.0)  # phrases, words, syllables, sounds, tremor


def statistics_of(contours: Contours) -> torch.Tensor:
    """Shape (N_STATISTICS,), finite for silence and for a single frame too."""
    is_active_T = contours.level_T > ACTIVE_DB
    is_active_T = is_active_T if is_active_T.any() else torch.ones_like(is_active_T)
    is_voiced_T = contours.is_voiced_T if contours.is_voiced_T.any() else is_active_T
    blocks = [
        _bands(contours, is_voiced_T),
        _cepstra(contours, is_active_T),
        _pitch(contours),
        _voicing(contours, is_active_T),
        _level(contours, is_active_T),
        _modulation(contours.level_T),
        _flux(contours.mel_TB),
        _tilt(contours, is_voiced_T),
    ]
    return torch.cat(blocks)


def _bands(contours: Contours, is_voiced_T: torch.Tensor) -> torch.Tensor:
    """Timbre: mean and spread of each mel band over voiced frames, and how fast it moves."""
    voiced_TB = contours.mel_TB[is_voiced_T]
    return torch.cat([voiced_TB.mean(0), voiced_TB.std(0, correction=0), _slope(contours.mel_TB).abs().mean(0)])


def _cepstra(contours: Contours, is_active_T: torch.Tensor) -> torch.Tensor:
    """Spread of the spectrum's shape and of its movement, decorrelated by a cosine transform."""
    cepstra_TQ = contours.mel_TB @ _cosines()
    return torch.cat([cepstra_TQ[is_active_T].std(0, correction=0), _slope(cepstra_TQ).std(0, correction=0)])


def _pitch(contours: Contours) -> torch.Tensor:
    """Height, range, trend and liveliness of the pitch in semitones; zeros where nothing is voiced."""
    is_voiced_T = contours.is_voiced_T
    if not is_voiced_T.any():
        return torch.zeros(16)
    semitones_V = contours.semitones_T[is_voiced_T]
    low, lower, middle, upper, high = _quantiles(semitones_V, 0.05, 0.2, 0.5, 0.8, 0.95)
    seconds_V = is_voiced_T.nonzero().squeeze(1) * FRAME_S
    steps_V = _steps_within(contours.semitones_T, is_voiced_T).clamp(-4, 4)  # larger: an octave slip, not a voice
    third = max(1, len(semitones_V) // 3)
    ends = [semitones_V[:third].mean() - semitones_V.mean(), semitones_V[-third:].mean() - semitones_V.mean()]
    steps = [steps_V.abs().mean(), _spread(steps_V), steps_V.clamp_min(0).mean(), steps_V.clamp_max(0).mean()]
    heights = [semitones_V.mean(), _spread(semitones_V), low, lower, middle, upper, high]
    return torch.stack([*heights, high - low, upper - lower, _trend(seconds_V, semitones_V), *steps, *ends])


def _voicing(contours: Contours, is_active_T: torch.Tensor) -> torch.Tensor:
    """How much is voiced, in how many stretches, and how periodic it is."""
    is_voiced_T, duration_s = contours.is_voiced_T, len(is_active_T) * FRAME_S
    n_voiced, n_starts = is_voiced_T.float().sum(), _n_starts(is_voiced_T)
    shares = [is_voiced_T.float().mean(), n_voiced / is_active_T.float().sum()]
    rates = [n_starts / max(duration_s, 0.3), n_voiced / (n_starts + 1) * FRAME_S]
    active_T = contours.voicing_T[is_active_T]
    return torch.stack([*shares, *rates, active_T.mean(), _spread(active_T), *_quantiles(active_T, 0.1, 0.5, 0.9)])


def _level(contours: Contours, is_active_T: torch.Tensor) -> torch.Tensor:
    """Dynamics and pauses. dB below the clip's own loud frames: the recording's gain is no emotion."""
    level_T, duration_s = contours.level_T, len(is_active_T) * FRAME_S
    active_T = level_T[is_active_T]
    steps_T = level_T.diff() if len(level_T) > 1 else torch.zeros(1)
    steps = [steps_T.abs().mean(), _spread(steps_T), steps_T.clamp_min(0).mean(), *_quantiles(steps_T, 0.05, 0.95)]
    pauses = [is_active_T.float().mean(), _n_starts(~is_active_T) / max(duration_s, 0.3)]
    whole = [level_T.mean(), _spread(level_T), level_T.amax(), *_quantiles(level_T, 0.05, 0.2, 0.5, 0.8)]
    return torch.stack([*whole, active_T.mean(), _spread(active_T), *_quantiles(active_T, 0.1, 0.5), *steps, *pauses])


def _modulation(level_T: torch.Tensor) -> torch.Tensor:
    """Rate: in which octave the level rises and falls, and the spectral centroid of that."""
    level_T = level_T.clamp_min(-40)  # the depth of a pause says more about the room than about the speaker
    windowed_T = (level_T - level_T.mean()) * torch.hann_window(len(level_T), periodic=False)
    power_F = torch.fft.rfft(windowed_T, 2 ** max(8, math.ceil(math.log2(len(level_T))))).abs().square() + 1e-6
    hz_F = torch.linspace(0, 0.5 / FRAME_S, len(power_F))
    bands = torch.stack([power_F[(hz_F >= low) & (hz_F < high)].mean() for low, high in pairwise(MODULATION_HZ)])
    is_speech_F = (hz_F >= MODULATION_HZ[0]) & (hz_F < MODULATION_HZ[-1])
    centroid_hz = (power_F * hz_F)[is_speech_F].sum() / power_F[is_speech_F].sum()
    return torch.cat([torch.log(bands / bands.mean() + 1e-3), centroid_hz[None]])


def _flux(mel_TB: torch.Tensor) -> torch.Tensor:
    """Onsets: how sharply bands rise."""
    rise_T = mel_TB.diff(dim=0).clamp_min(0).mean(1) if len(mel_TB) > 1 else torch.zeros(1)
    return torch.stack([rise_T.mean(), _spread(rise_T), *_quantiles(rise_T, 0.5, 0.8, 0.95)])


def _tilt(contours: Contours, is_voiced_T: torch.Tensor) -> torch.Tensor:
    """Brightness, the trace of vocal effort: five spectral balances over voiced frames, and their tie to loudness."""
    power_TB = 10 ** (contours.mel_TB[is_voiced_T] / 10)
    alpha_T = _band_db(power_TB, 1000, 5000) - _band_db(power_TB, 0, 1000)
    hammarberg_T = _band_peak_db(power_TB, 2000, 5000) - _band_peak_db(power_TB, 0, 2000)
    centroid_T = (power_TB * BAND_CENTRES_HZ).sum(1) / power_TB.sum(1) / 1000
    first_T = _band_db(power_TB, 0, 500) - _band_db(power_TB, 500, 1500)
    top_T = _band_db(power_TB, 4000, 8000) - _band_db(power_TB, 500, 1500)
    balances = (alpha_T, hammarberg_T, centroid_T, first_T, top_T)
    numbers = [x for b in balances for x in (b.mean(), _spread(b), *_quantiles(b, 0.1, 0.5, 0.9))]
    return torch.stack([*numbers, _trend(contours.level_T[is_voiced_T], alpha_T)])


def _slope(values_TX: torch.Tensor) -> torch.Tensor:
    """Change per frame, over two frames; one frame does not change."""
    return (values_TX[2:] - values_TX[:-2]) / 2 if len(values_TX) > 2 else torch.zeros_like(values_TX[:1])


def _trend(x_T: torch.Tensor, y_T: torch.Tensor) -> torch.Tensor:
    """Least-squares slope of y over x; near 0 where x hardly varies."""
    offset_T = x_T - x_T.mean()
    return (offset_T * (y_T - y_T.mean())).mean() / offset_T.square().mean().clamp_min(1e-3)


def _steps_within(values_T: torch.Tensor, is_voiced_T: torch.Tensor) -> torch.Tensor:
    steps_T = values_T.diff()[is_voiced_T[1:] & is_voiced_T[:-1]]
    return steps_T if len(steps_T) else torch.zeros(1)


def _n_starts(is_on_T: torch.Tensor) -> torch.Tensor:
    return (is_on_T[1:] & ~is_on_T[:-1]).float().sum()


def _spread(values_T: torch.Tensor) -> torch.Tensor:
    return values_T.std(correction=0)


def _quantiles(values_T: torch.Tensor, *shares: float) -> torch.Tensor:
    return torch.quantile(values_T, torch.tensor(shares))


def _band_db(power_TB: torch.Tensor, low_hz: float, high_hz: float) -> torch.Tensor:
    return 10 * torch.log10(power_TB[:, (low_hz <= BAND_CENTRES_HZ) & (high_hz > BAND_CENTRES_HZ)].sum(1))


def _band_peak_db(power_TB: torch.Tensor, low_hz: float, high_hz: float) -> torch.Tensor:
    return 10 * torch.log10(power_TB[:, (low_hz <= BAND_CENTRES_HZ) & (high_hz > BAND_CENTRES_HZ)].amax(1))


@cache
def _cosines() -> torch.Tensor:
    """Orthonormal DCT-II over the bands, shape (B, N_CEPSTRA)."""
    band_B1, order_Q = torch.arange(N_BANDS)[:, None] + 0.5, torch.arange(N_CEPSTRA)
    return torch.cos(math.pi * band_B1 * order_Q / N_BANDS) * math.sqrt(2 / N_BANDS)
