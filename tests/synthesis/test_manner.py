"""Cues follow the literature's directions, grow with intensity and differ between speakers."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from tasks.synthesis.manner import CUE_NAMES, CUES, Manner, express


def mean_of(emotion: str, cue: str, intensity: float = 1.0, style: dict[str, float] | None = None) -> float:
    rng = np.random.default_rng(0)
    drawn = [getattr(express(emotion, intensity, style or {}, Manner(), rng), cue) for _ in range(200)]
    return float(np.mean(drawn))


@pytest.mark.parametrize(
    ("more", "less", "cue"),
    [
        ("angry", "sad", "level_db"),
        ("angry", "happy", "effort"),
        ("happy", "sad", "pitch_st"),
        ("happy", "angry", "log_range"),
        ("happy", "sad", "log_rate"),
        ("sad", "angry", "breath"),
        ("sad", "neutral", "pauses"),
        ("angry", "sad", "log_attack"),
        ("happy", "neutral", "smile"),
    ],
)
def test_one_emotion_has_more_of_a_cue_than_another(more: str, less: str, cue: str) -> None:
    assert mean_of(more, cue) > mean_of(less, cue)


def test_without_intensity_every_emotion_is_neutral() -> None:
    drawn = [express(emotion, 0.0, {}, Manner(), np.random.default_rng(3)) for emotion in CUES]
    assert len(set(drawn)) == 1


def test_twice_the_intensity_is_twice_the_cue() -> None:
    neutral, once, twice = (mean_of("angry", "level_db", intensity) for intensity in (0.0, 1.0, 2.0))
    assert twice - once == pytest.approx(once - neutral)


def test_a_style_of_zero_leaves_a_cue_out() -> None:
    assert mean_of("sad", "creak", style={"creak": 0.0}) == mean_of("neutral", "creak")


def test_a_habit_is_heard_in_every_emotion() -> None:
    plain, habitual = (
        express("happy", 1.0, {}, habit, np.random.default_rng(0)) for habit in (Manner(), Manner(breath=0.5))
    )
    assert habitual.breath - plain.breath == pytest.approx(0.5)


def test_chance_moves_every_cue() -> None:
    one, other = (asdict(express("neutral", 1.0, {}, Manner(), np.random.default_rng(seed))) for seed in (0, 1))
    assert all(one[cue] != other[cue] for cue in CUE_NAMES)
