"""Guesses emotions from prosody by fixed rules from the literature: a weak teacher that needs no weights and no labels.

Prosody → (arousal, valence, dominance) → distance to each emotion word's place in that space. The *signs* are those on
which the literature agrees (Scherer 1986; Banse & Scherer 1996; Juslin & Laukka 2003; Goudbeek & Scherer 2010): louder,
higher, livelier, faster and brighter is more aroused; a wide and smooth pitch contour, tempo and a clear voice are
pleasant, a bright (harsh) voice is not; loud, bright and low is dominant. The *sizes* have one digit each, and every
deviation counts from what neutral speech of adults of both sexes has. One set serves every corpus and language.

Argmax without noise over four classes, mean recall (UA): emodb .49, ravdess .48, nemo .46. These are in-sample looks:
the three corpora were looked at while the digits were chosen, so expect less elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.teachers.prosody import Prosody, deviations_of, measure_prosody

VERSION = "simulated-prosody-1"  # a new one whenever a number in this package changes an answer

MOST_DEVIATION = 2.0  # one odd number (a hissing channel, a far microphone) must not decide alone

AROUSAL = {"level_dbfs": 0.1, "pitch_st": 0.2, "pitch_motion_st_s": 0.2, "rate_hz": 0.1, "brightness_db": 0.2}
VALENCE = {"pitch_range_st": 0.2, "rate_hz": 0.1, "voiced_share": 0.2, "pitch_roughness": -0.1, "brightness_db": -0.1}
DOMINANCE = {"level_dbfs": 0.2, "pitch_st": -0.2, "brightness_db": 0.2}

# (arousal, valence, dominance), -1 to 1, after the ratings of Russell & Mehrabian 1977; "happy" is drawn towards
# the centre, since a voice shows less of it than the word means
PLACES: dict[str, tuple[float, float, float]] = {
    "angry": (0.6, -0.5, 0.3),
    "bored": (-0.6, -0.6, -0.3),
    "calm": (-0.5, 0.6, 0.1),
    "contempt": (0.1, -0.5, 0.4),
    "disgust": (0.3, -0.6, 0.1),
    "excited": (0.8, 0.6, 0.4),
    "fear": (0.6, -0.6, -0.4),
    "frustrated": (0.5, -0.6, 0.0),
    "happy": (0.4, 0.6, 0.2),
    "neutral": (0.0, 0.0, 0.0),
    "sad": (-0.4, -0.5, -0.3),
    "surprise": (0.7, 0.4, -0.1),
}
OTHER_NAMES = {
    "afraid": "fear",
    "anger": "angry",
    "boredom": "bored",
    "calmness": "calm",
    "disgusted": "disgust",
    "excitement": "excited",
    "fearful": "fear",
    "frustration": "frustrated",
    "happiness": "happy",
    "joy": "happy",
    "joyful": "happy",
    "neutrality": "neutral",
    "sadness": "sad",
    "surprised": "surprise",
}
STEEPNESS = 6.0  # logits per squared distance: the best class of the median real clip gets about .8


def judge_wave(wave: NDArray[np.float32], classes: Sequence[str]) -> NDArray[np.float64]:
    """16 kHz mono samples → unnormalised log-probabilities, in the order of `classes`."""
    return judge(measure_prosody(wave), classes)


def judge(prosody: Prosody, classes: Sequence[str]) -> NDArray[np.float64]:
    """Unnormalised log-probabilities, in the order of `classes`: minus the squared distance to each word's place.

    Raises:
        ValueError: No class, or one without a place; the message lists the known ones.
    """
    return judge_deviations(deviations_of(prosody), classes)


def judge_deviations(deviations: Mapping[str, float], classes: Sequence[str]) -> NDArray[np.float64]:
    """The same from deviations; what is not told counts as neutral. Raises as `judge` does."""
    here = np.array([_weigh(deviations, rule) for rule in (AROUSAL, VALENCE, DOMINANCE)])
    places_C3 = places_of(classes)
    logits_C: NDArray[np.float64] = -STEEPNESS * np.sum((places_C3 - here) ** 2, axis=1)
    return logits_C


def places_of(classes: Sequence[str]) -> NDArray[np.float64]:
    """Where each emotion word lies, shape (C, 3): arousal, valence, dominance. Raises as `judge` does."""
    if not classes:
        raise ValueError("there is no class to choose from")
    return np.array([_place(name) for name in classes])


def _weigh(deviations: Mapping[str, float], rule: dict[str, float]) -> float:
    return sum(weight * _within(deviations.get(name, 0.0)) for name, weight in rule.items())


def _within(deviation: float) -> float:
    return max(-MOST_DEVIATION, min(MOST_DEVIATION, deviation))


def _place(name: str) -> tuple[float, float, float]:
    word = name.strip().lower()
    try:
        return PLACES[OTHER_NAMES.get(word, word)]
    except KeyError:
        known = ", ".join(sorted(PLACES | OTHER_NAMES))
        raise ValueError(f'class "{name}" has no place in arousal and valence. Known: {known}.') from None
