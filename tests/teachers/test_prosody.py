"""Prosody is measured right on sounds whose prosody is known, and stays finite on sounds that have none."""

import time
from dataclasses import asdict

import numpy as np
import pytest

from tasks.teachers.prosody import measure_prosody

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("hz", [80, 120, 200, 330, 500])
def test_pitch_is_that_of_the_voice(voice, hz):
    assert measure_prosody(voice(hz)).pitch_st == pytest.approx(12 * np.log2(hz / 27.5), abs=0.2)


def test_a_steady_voice_has_no_pitch_range(voice):
    assert measure_prosody(voice(150)).pitch_range_st < 0.3


def test_a_glide_of_an_octave_has_most_of_it_between_its_percentiles():
    hz = np.geomspace(120, 240, 32_000)
    wave = sum(np.sin(2 * np.pi * k * np.cumsum(hz) / 16_000) / k for k in range(1, 10)) * 0.1
    prosody = measure_prosody(wave.astype(np.float32))
    assert prosody.pitch_range_st == pytest.approx(0.8 * 12, abs=0.8)
    assert prosody.pitch_motion_st_s == pytest.approx(6, abs=1)


def test_level_is_in_decibels_below_full_scale():
    wave = 0.5 * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    assert measure_prosody(wave.astype(np.float32)).level_dbfs == pytest.approx(
        20 * np.log10(0.5 / np.sqrt(2)), abs=0.2
    )


def test_gain_changes_the_level_and_nothing_else(voice):
    quiet, loud = asdict(measure_prosody(voice() * 0.1)), asdict(measure_prosody(voice()))
    assert loud.pop("level_dbfs") - quiet.pop("level_dbfs") == pytest.approx(20, abs=0.01)
    assert quiet == pytest.approx(loud, abs=0.01)


@pytest.mark.parametrize("syllables_hz", [3, 5, 7])
def test_rate_counts_syllables(voice, syllables_hz):
    rate_hz = measure_prosody(voice(duration_s=3, syllables_hz=syllables_hz)).rate_hz
    assert rate_hz == pytest.approx(syllables_hz, rel=0.25)


def test_pauses_do_not_lower_the_rate(voice):
    spoken = voice(duration_s=3)
    with_pauses = np.concatenate([np.zeros(16_000, np.float32), spoken, np.zeros(32_000, np.float32)])
    assert measure_prosody(with_pauses).rate_hz == pytest.approx(measure_prosody(spoken).rate_hz, rel=0.15)


def test_more_energy_above_1_khz_is_brighter(voice):
    dull = voice()
    bright = np.diff(dull, prepend=0).astype(np.float32)  # 6 dB per octave more
    assert measure_prosody(bright).brightness_db > measure_prosody(dull).brightness_db + 6


def test_noise_is_hardly_voiced(voice):
    noise = (0.1 * RNG.standard_normal(16_000)).astype(np.float32)
    assert measure_prosody(noise).voiced_share < 0.2 < 0.9 < measure_prosody(voice()).voiced_share


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros(16_000),
        np.zeros(0),
        np.ones(16_000),
        RNG.standard_normal(800),
        RNG.standard_normal(16_000),
        np.full(16_000, np.nan),
        np.eye(1, 16_000)[0],
    ],
    ids=["silence", "nothing", "offset", "50 ms", "noise", "nan", "click"],
)
def test_every_number_is_finite(wave):
    assert np.isfinite(list(asdict(measure_prosody(wave.astype(np.float32))).values())).all()


def test_three_seconds_cost_less_than_15_ms_of_cpu(voice):
    wave = voice(duration_s=3)

    def cpu_s() -> float:
        start = time.thread_time()
        measure_prosody(wave)
        return time.thread_time() - start

    assert min(cpu_s() for _ in range(5)) < 0.015
