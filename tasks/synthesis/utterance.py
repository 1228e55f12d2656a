"""A meaningless sentence as the voice's tracks: intonation, accents, loudness and the formants' way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.synthesis.manner import Manner
from tasks.synthesis.syllables import Syllable, spell
from tasks.synthesis.voice import FRAME_S, Tracks

# F1, F2, F3 in Hz of a man's vowels (Peterson & Barney 1952): i ɪ ɛ æ ɑ ɔ ʊ u ʌ
VOWELS_HZ = np.array(
    [
        [270, 2290, 3010], [390, 1990, 2550], [530, 1840, 2480], [660, 1720, 2410], [730, 1090, 2440],
        [570, 840, 2410], [440, 1020, 2240], [300, 870, 2240], [640, 1190, 2390],
    ]
)  # fmt: skip
HIGHER_FORMANTS_HZ = np.array([3500.0, 4500.0, 5500.0])
NEUTRAL_VOWEL_HZ = np.array([500.0, 1500.0, 2500.0])
LOCI_HZ = np.array([[250, 900, 2200], [250, 1700, 2600], [250, 2200, 2500]])  # of consonants at lips, teeth, velum
TEETH = 1
VOICE_IN = {"plosive": 0.02, "fricative": 0.0, "nasal": 0.22, "glide": 0.3, "none": 0.0}

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Speaker:
    """Who speaks: what does not change with the emotion."""

    name: str
    pitch_st: float  # above 55 Hz
    tract_scale: float  # of the formants: 1 for an average man, 1.17 for an average woman
    rate_hz: float  # syllables per second
    habit: Manner
    style: dict[str, float]  # how strongly this speaker uses each cue


def lay_out(speaker: Speaker, manner: Manner, duration_s: float, rng: np.random.Generator) -> Tracks:
    """The tracks of a sentence of about `duration_s`."""
    mean_s = np.exp(-manner.log_rate) / speaker.rate_hz
    syllables, n_frames = spell(mean_s, duration_s, 0.35 + manner.pauses, rng)
    voice_T, hiss_T, hush_T = _amplitudes(syllables, n_frames, manner)
    aspiration_T = 0.4 * (hiss_T + hush_T)  # the glottis is open behind a fricative or a burst
    accent_T = _accents(syllables, n_frames, manner)
    voice_T = voice_T * 10 ** ((2 + manner.dynamics_db) * (accent_T - 0.4) / 20)
    effort = np.clip(0.32 + manner.effort, 0.03, 0.95)
    return Tracks(
        pitch_hz_T=_pitch_hz(speaker, manner, syllables, accent_T, rng),
        voice_T=voice_T,
        breath_T=max(0.02 + manner.breath, 0.003) * voice_T + aspiration_T,
        hiss_T=hiss_T,
        hush_T=hush_T,
        effort_T=np.clip(effort + 0.15 * (accent_T - 0.4) * effort / 0.32, 0.02, 1.0),
        formants_hz_TF=_formants(syllables, n_frames, speaker, manner),
        shimmer=0.04 * np.exp(manner.log_jitter),
        creak=float(np.clip(manner.creak, 0, 0.5)),
    )


def _amplitudes(syllables: list[Syllable], n_frames: int, manner: Manner) -> tuple[Array, Array, Array]:
    """Voice, hiss and hush; abrupt or soft at their edges."""
    voice_T, hiss_T, hush_T = np.zeros((3, n_frames))
    for syllable in syllables:
        voice_T[syllable.start : syllable.vowel] = VOICE_IN[syllable.onset_kind]
        voice_T[syllable.vowel : syllable.coda] = 0.75 + 0.25 * syllable.accent
        voice_T[max(syllable.coda - 6, syllable.vowel) : syllable.coda] *= 0.4
        noise_T = hiss_T if syllable.place == TEETH else hush_T
        force = (0.6 + 0.4 * syllable.accent) * np.exp(0.4 * manner.log_attack) * max(1 + 2 * manner.effort, 0.4)
        for kind, start, stop in (
            (syllable.onset_kind, syllable.start, syllable.vowel),
            (syllable.coda_kind, syllable.coda, syllable.stop),
        ):
            if kind == "plosive":
                noise_T[max(stop - 3, start) : stop] = 0.7 * force
            elif kind == "fricative":
                noise_T[start:stop] = 0.45 * force
    width = round(np.clip(9 * np.exp(-manner.log_attack), 3, 21))
    return _smooth(voice_T, width), _smooth(hiss_T, 5), _smooth(hush_T, 3)


def _accents(syllables: list[Syllable], n_frames: int, manner: Manner) -> Array:
    """Bumps at the accented syllables, up to 1."""
    accent_T = np.zeros(n_frames)
    for syllable in syllables:
        accent_T[(syllable.start + syllable.vowel) // 2 : syllable.stop] = syllable.accent
    return _smooth(accent_T, round(np.clip(27 * np.exp(-0.8 * manner.log_attack), 11, 51)))


def _pitch_hz(
    speaker: Speaker, manner: Manner, syllables: list[Syllable], accent_T: Array, rng: np.random.Generator
) -> Array:
    """Declination, accents, a last rise or fall, a slow wander and jitter."""
    n_frames = len(accent_T)
    time_T = np.arange(n_frames) * FRAME_S
    size_st = 8.0 * np.exp(manner.log_range)
    last_T = np.clip((np.arange(n_frames) - syllables[-1].start) / (n_frames - syllables[-1].start), 0, 1)
    wander_T = _smooth(rng.standard_normal(n_frames), 31) * 4.0 * np.exp(0.5 * manner.log_range + manner.log_attack)
    jitter_T = 0.15 * np.exp(manner.log_jitter) * rng.standard_normal(n_frames)
    line_T = (manner.declination_st_s - 1.5) * (time_T - time_T[-1] / 2) + (manner.final_st - 1.5) * last_T
    semitones_T = speaker.pitch_st + manner.pitch_st + line_T + size_st * (accent_T - 0.45) + wander_T + jitter_T
    return np.clip(55.0 * 2 ** (semitones_T / 12), 55.0, 600.0)


def _formants(syllables: list[Syllable], n_frames: int, speaker: Speaker, manner: Manner) -> Array:
    """From each consonant's place to each vowel, smoothly; pauses keep the last position."""
    targets_TF = np.tile(NEUTRAL_VOWEL_HZ, (n_frames, 1))
    for syllable in syllables:
        vowel = NEUTRAL_VOWEL_HZ + (VOWELS_HZ[syllable.quality] - NEUTRAL_VOWEL_HZ) * np.exp(manner.log_articulation)
        locus = 0.5 * (LOCI_HZ[syllable.place] + vowel)
        targets_TF[syllable.start :] = vowel
        targets_TF[syllable.start : syllable.vowel] = locus
    moving_TF = np.stack([_smooth(targets_T, 15) for targets_T in targets_TF.T], axis=1)
    formants_TF = np.concatenate([moving_TF, np.tile(HIGHER_FORMANTS_HZ, (n_frames, 1))], axis=1)
    formants_TF[:, 0] *= 1 + 0.3 * manner.effort  # who speaks up opens the mouth (Liénard & Di Benedetto 1999)
    return np.maximum(formants_TF * speaker.tract_scale * (1 + manner.smile), 180.0)


def _smooth(values_T: Array, width: int) -> Array:
    """A Hann-weighted mean over `width` frames; the ends are held."""
    weights = np.hanning(width + 2)[1:-1]
    padded = np.pad(values_T, (width // 2, (width - 1) // 2), mode="edge")
    return np.convolve(padded, weights / weights.sum(), mode="valid")
