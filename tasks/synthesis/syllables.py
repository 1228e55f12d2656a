"""What is said: nonsense syllables of consonants and vowels, with accents and pauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.synthesis.voice import FRAME_S

ONSETS, ONSET_SHARES = ("plosive", "fricative", "nasal", "glide", "none"), (0.28, 0.26, 0.18, 0.18, 0.1)
CODAS, CODA_SHARES = ("none", "fricative", "plosive"), (0.65, 0.2, 0.15)
N_PLACES, N_VOWELS = 3, 9
EDGE_S = 0.08  # silence before and after


@dataclass(frozen=True)
class Syllable:
    """One syllable: its frames, from the onset through the vowel [vowel, coda) to the stop, and what is in them."""

    start: int
    vowel: int
    coda: int
    stop: int
    onset_kind: str
    coda_kind: str
    place: int  # of the consonants: lips, teeth or velum
    quality: int  # which vowel
    accent: float  # 0 to 1


def spell(mean_s: float, duration_s: float, pause_share: float, rng: np.random.Generator) -> tuple[list[Syllable], int]:
    """Syllables of about `mean_s` each, every second one accented, a pause after some fourth ones; and all frames."""
    n_syllables = max(3, round((duration_s - 2 * EDGE_S) / mean_s))
    first_accented = int(rng.integers(0, 2))
    clock_s, syllables = EDGE_S, []
    for k in range(n_syllables):
        is_accented = k % 2 == first_accented or rng.random() < 0.1
        length_s = mean_s * np.exp(0.15 * rng.standard_normal()) * (1.12 if is_accented else 0.9)
        length_s *= 1.3 if k == n_syllables - 1 else 1.0
        accent = rng.uniform(0.6, 1.0) if is_accented else rng.uniform(0.0, 0.25)
        syllables.append(_syllable(clock_s, length_s, accent, rng))
        clock_s += length_s
        if k % 4 == 3 and k < n_syllables - 1 and rng.random() < pause_share:
            clock_s += rng.uniform(0.6, 1.4) * mean_s
    return syllables, round((clock_s + EDGE_S) / FRAME_S)


def _syllable(start_s: float, length_s: float, accent: float, rng: np.random.Generator) -> Syllable:
    onset_kind, coda_kind = str(rng.choice(ONSETS, p=ONSET_SHARES)), str(rng.choice(CODAS, p=CODA_SHARES))
    onset_s = 0.0 if onset_kind == "none" else min(0.35 * length_s, rng.uniform(0.06, 0.11))
    coda_s = 0.0 if coda_kind == "none" else min(0.25 * length_s, rng.uniform(0.04, 0.08))
    edges_s = (start_s, start_s + onset_s, start_s + length_s - coda_s, start_s + length_s)
    start, vowel, coda, stop = (round(edge_s / FRAME_S) for edge_s in edges_s)
    place, quality = int(rng.integers(N_PLACES)), int(rng.integers(N_VOWELS))
    return Syllable(start, vowel, coda, stop, onset_kind, coda_kind, place, quality, accent)
