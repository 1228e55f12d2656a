"""Tells in words how a clip was spoken, for models that read and cannot hear; and reads such words back.

The idea is that of Wu et al. 2024 (arXiv:2407.21315): a language model judges emotion better when it is told of volume,
pitch, their variation and the speaking rate. Their levels are relative to the corpus and its speakers; ours are fixed,
because clips that are added later must not change what was said, and paid for, about the ones before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.asking.provider import NotSentError
from tasks.teachers.prosody import Prosody, deviations_of, measure_prosody

About = Literal["transcript", "prosody"]

# Part of each answer's key. A new number with every change of a word, a threshold, `USUAL` or the measurement.
VERSION = 1

_MOST = 2  # levels reach from -2 to 2, in usual deviations from neutral speech
_UNKNOWN = "not measurable"
_NO_TRANSCRIPT = "no transcript"

# what was measured → its name, and a word for each level
_WORDS: dict[str, tuple[str, tuple[str, str, str, str, str]]] = {
    "level_dbfs": ("Volume", ("very quiet", "quiet", "medium", "loud", "very loud")),
    "pitch_st": ("Pitch", ("very low", "low", "medium", "high", "very high")),
    "pitch_range_st": ("Pitch range", ("very narrow", "narrow", "medium", "wide", "very wide")),
    "pitch_motion_st_s": ("Pitch movement", ("almost flat", "calm", "medium", "lively", "very lively")),
    "pitch_roughness": ("Pitch contour", ("very smooth", "smooth", "medium", "uneven", "very uneven")),
    "rate_hz": ("Speaking rate", ("very slow", "slow", "medium", "fast", "very fast")),
    "voiced_share": ("Voice", ("very breathy or hoarse", "breathy or hoarse", "medium", "clear", "very clear")),
    "brightness_db": ("Tone colour", ("very dull", "dull", "medium", "bright", "very bright")),
}
_LEVELS = {
    f"{title}: {word}": (name, float(level))
    for name, (title, words) in _WORDS.items()
    for level, word in enumerate(words, start=-_MOST)
}


def describe(reads: Sequence[str], heard: Prosody | NDArray[np.floating[Any]] | None, transcript: str | None) -> str:
    """The text that stands in for a clip.

    Args:
        reads: What it tells of: "prosody", "transcript" or both.
        heard: The clip's prosody, or its samples (16 kHz mono); not needed without "prosody".
        transcript: What was said, where that is known.

    Raises:
        NotSentError: Nothing is known of this clip: there would be nothing to judge by.
        ValueError: `reads` names neither, or there is nothing heard to tell prosody from.
    """
    parts = []
    if "prosody" in reads:
        parts.append(_prosody_in_words(heard))
    if "transcript" in reads:
        words = " ".join((transcript or "").split())
        if not words and "prosody" not in reads:
            raise NotSentError(
                "the clip has no transcript, and the teacher is told of nothing else. Give it one in the manifest's "
                "column `transcript`, or set `reads: [transcript, prosody]`"
            )
        # Quoted, in one line: no transcript can pass for a line about the voice.
        parts.append(f"What was said: {json.dumps(words, ensure_ascii=False) if words else _NO_TRANSCRIPT}")
    if not parts:
        raise ValueError(f'a text proxy reads "prosody", "transcript" or both, got {list(reads)}')
    return "\n".join(parts)


def levels_of(text: str) -> dict[str, float]:
    """What a description says of the voice, as `describe` wrote it: field of `Prosody` → -2, -1, 0, 1 or 2.

    In usual deviations from neutral speech. What could not be measured is left out, and other lines are passed over.

    >>> levels_of("- Volume: loud\\n- Pitch: not measurable\\n- Speaking rate: very slow")
    {'level_dbfs': 1.0, 'rate_hz': -2.0}
    """
    said = (line.removeprefix("- ") for line in text.split("\n"))
    return dict(_LEVELS[line] for line in said if line in _LEVELS)


def _prosody_in_words(heard: Prosody | NDArray[np.floating[Any]] | None) -> str:
    if heard is None:
        raise ValueError("prosody is to be told of, but nothing was heard: pass samples or their prosody")
    prosody = heard if isinstance(heard, Prosody) else measure_prosody(heard)
    deviations, unknown = deviations_of(prosody), _not_measured(prosody)
    lines = ["How it was said, compared with neutral speech of adults:"]
    for name, (title, words) in _WORDS.items():
        lines.append(f"- {title}: {_UNKNOWN if name in unknown else words[_level(deviations[name]) + _MOST]}")
    return "\n".join(lines)


def _level(deviation: float) -> int:
    """The nearest level: thresholds lie at half and at one and a half deviations."""
    return max(-_MOST, min(_MOST, math.floor(deviation + 0.5)))


def _not_measured(prosody: Prosody) -> set[str]:
    """Fields whose number stands for "there was nothing to measure": without a voice there is no low pitch."""
    unknown: set[str] = set()
    if prosody.pitch_st == 0:
        unknown |= {"pitch_st", "pitch_range_st"}
    if prosody.pitch_st == 0 or prosody.pitch_motion_st_s == 0:
        unknown |= {"pitch_motion_st_s", "pitch_roughness"}
    if prosody.voiced_share == 0:
        unknown |= {"brightness_db"}
    return unknown
