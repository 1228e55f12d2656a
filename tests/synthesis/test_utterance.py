"""Sentences have the length, tempo and intonation that they were asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.synthesis.manner import Manner
from tasks.synthesis.syllables import spell
from tasks.synthesis.utterance import Speaker, lay_out
from tasks.synthesis.voice import FRAME_S, Tracks

SPEAKER = Speaker("s", pitch_st=14.0, tract_scale=1.0, rate_hz=5.0, habit=Manner(), style={})


def laid_out(manner: Manner, seed: int = 0, speaker: Speaker = SPEAKER) -> Tracks:
    return lay_out(speaker, manner, 2.0, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(10))
def test_a_sentence_is_about_as_long_as_asked(seed: int) -> None:
    assert len(laid_out(Manner(), seed).voice_T) * FRAME_S == pytest.approx(2.0, abs=0.6)


def test_syllables_follow_each_other_without_overlap() -> None:
    syllables, n_frames = spell(0.2, 3.0, 0.5, np.random.default_rng(0))
    edges = [edge for s in syllables for edge in (s.start, s.vowel, s.coda, s.stop)]
    assert edges == sorted(edges)
    assert edges[-1] < n_frames


def test_a_faster_manner_fits_more_syllables_into_the_same_time() -> None:
    slow, fast = (len(spell(mean_s, 3.0, 0.0, np.random.default_rng(0))[0]) for mean_s in (0.25, 0.15))
    assert fast > slow


def test_a_short_sentence_still_has_three_syllables() -> None:
    assert len(spell(0.3, 0.2, 0.0, np.random.default_rng(0))[0]) == 3


def test_a_clip_begins_and_ends_in_silence() -> None:
    tracks = laid_out(Manner())
    sound_T = tracks.voice_T + tracks.hiss_T + tracks.hush_T
    assert sound_T[:5].max() < 1e-6
    assert sound_T[-5:].max() < 1e-6


def test_a_wider_range_widens_the_pitch() -> None:
    narrow, wide = (laid_out(Manner(log_range=log_range)).pitch_hz_T for log_range in (-0.5, 0.5))
    assert np.log2(wide).std() > 1.5 * np.log2(narrow).std()


@pytest.mark.parametrize(("pitch_st", "expected"), [(-40.0, 55.0), (60.0, 600.0)])
def test_pitch_stays_within_what_voices_reach(pitch_st: float, expected: float) -> None:
    assert np.median(laid_out(Manner(pitch_st=pitch_st)).pitch_hz_T) == expected


def test_a_shorter_tract_raises_every_formant() -> None:
    man, woman = (
        laid_out(Manner(), speaker=replace(SPEAKER, tract_scale=scale)).formants_hz_TF for scale in (1.0, 1.16)
    )
    np.testing.assert_allclose(woman, 1.16 * man, rtol=1e-9)


@pytest.mark.parametrize("size", [-20.0, 20.0])
def test_absurd_cues_still_give_finite_tracks(size: float) -> None:
    tracks = laid_out(Manner(effort=size, breath=size, creak=size, pauses=size, log_attack=size / 4))
    assert np.isfinite(tracks.voice_T).all()
    assert tracks.effort_T.min() >= 0
    assert tracks.effort_T.max() <= 1
    assert tracks.breath_T.min() >= 0
