"""Rooms and microphones change what they should change and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.synthesis.channel import PHONE, STUDIO, Channel, record, vary

PLAIN = Channel(level_dbfs=-30, low_hz=50, high_hz=7900, noise_db=-90, reverberation_s=0.0, reverberant_share=0.0)
TONE_S = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)


def recorded(level_db: float, channel: Channel = PLAIN, wave_S: np.ndarray = TONE_S) -> np.ndarray:
    return record(wave_S, level_db, channel, np.random.default_rng(0))


def rms_dbfs(wave_S: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(wave_S**2)))


@pytest.mark.parametrize("level_db", [-10.0, 0.0, 8.0])
def test_level_is_what_was_asked_for(level_db: float) -> None:
    assert rms_dbfs(recorded(level_db)) == pytest.approx(-30 + level_db, abs=0.2)


def test_the_loudest_shout_stays_below_full_scale() -> None:
    assert np.abs(recorded(60.0)).max() < 1.0


def test_a_pause_does_not_make_a_voice_louder() -> None:
    with_pause = recorded(0.0, wave_S=np.concatenate([TONE_S, np.zeros(12_000)]))
    assert rms_dbfs(with_pause[:16_000]) == pytest.approx(-30, abs=0.7)


def test_the_room_goes_on_after_the_voice() -> None:
    stopped_S = np.where(np.arange(16_000) < 8000, TONE_S, 0)
    dry, wet = (recorded(0.0, channel, stopped_S)[8400:9000] for channel in (STUDIO, PHONE))
    assert rms_dbfs(wet) > rms_dbfs(dry) + 6


def test_speakers_are_recorded_a_little_differently() -> None:
    assert vary(PHONE, np.random.default_rng(0)) != vary(PHONE, np.random.default_rng(1))


@pytest.mark.parametrize("seed", range(50))
def test_a_varied_channel_can_record(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert np.isfinite(record(TONE_S, 0.0, vary(PHONE, rng), rng)).all()
