"""Audio of any format, rate and channel count is the same 16 kHz mono sound."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.storage.audio import AUDIO_SUFFIXES, MIME_TYPES, SAMPLE_RATE_HZ, measure_audio, read_audio, resample

ENDINGS = sorted(AUDIO_SUFFIXES)
SHAPES = [(8_000, 2), (16_000, 1), (24_000, 1), (48_000, 2)]
CASES = [(e, *shape) for e in ENDINGS for shape in SHAPES] + [
    (e, *shape) for e in ENDINGS if e != ".opus" for shape in [(22_050, 1), (44_100, 2)]
]
in_every_format = pytest.mark.parametrize(("ending", "rate_hz", "channels"), CASES)


def loudest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)[spectrum.argmax()])


def rms_of(samples: np.ndarray) -> float:
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


@in_every_format
def test_a_tone_sounds_the_same(
    ending: str, rate_hz: int, channels: int, tmp_path: Path, write_tone: Callable[..., Path]
) -> None:
    samples = read_audio(write_tone(tmp_path / f"tone{ending}", 1.0, rate_hz, channels, hz=440, level=0.3))
    assert samples.shape == (SAMPLE_RATE_HZ,)
    assert samples.dtype == np.float32
    assert loudest_hz(samples) == pytest.approx(440, abs=2)
    assert rms_of(samples) == pytest.approx(0.3 / np.sqrt(2), rel=0.03)


@in_every_format
def test_a_sound_file_is_measured_as_it_was_written(
    ending: str, rate_hz: int, channels: int, tmp_path: Path, write_tone: Callable[..., Path]
) -> None:
    facts = measure_audio(write_tone(tmp_path / f"tone{ending}", 1.5, rate_hz, channels, level=0.3))
    assert (facts.duration_s, facts.sample_rate_hz, facts.channels, facts.problem) == (1.5, rate_hz, channels, None)
    assert facts.rms_dbfs == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.3)


def test_channels_are_averaged(tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    stereo = np.tile([0.5, 0.1], (1_600, 1))
    samples = read_audio(write_samples(tmp_path / "a.wav", stereo, subtype="FLOAT"))
    np.testing.assert_allclose(samples, 0.3, rtol=1e-6)


def test_bytes_are_read_like_the_file(tmp_path: Path, write_tone: Callable[..., Path]) -> None:
    path = write_tone(tmp_path / "a.flac", rate_hz=44_100)
    np.testing.assert_array_equal(read_audio(path.read_bytes()), read_audio(path))


def test_a_16_khz_file_is_not_resampled(tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 1_600).astype(np.float32)
    np.testing.assert_array_equal(read_audio(write_samples(tmp_path / "a.wav", noise, subtype="FLOAT")), noise)


def test_what_16_khz_cannot_hold_does_not_come_back_as_another_tone() -> None:
    tone = np.sin(2 * np.pi * 11_000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert rms_of(resample(tone, 48_000)[1_000:-1_000]) < 1e-3


def test_the_level_of_a_full_scale_square_wave_is_0_dbfs(tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    square = np.where(np.arange(16_000) % 100 < 50, 1.0, -1.0)
    assert measure_audio(write_samples(tmp_path / "a.wav", square, subtype="FLOAT")).rms_dbfs == 0


def test_half_the_amplitude_is_6_db_less(tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    assert measure_audio(write_samples(tmp_path / "a.wav", np.full(16_000, 0.5))).rms_dbfs == -6.02


def test_the_level_is_that_of_the_whole_recording_however_long(
    tmp_path: Path, write_samples: Callable[..., Path]
) -> None:
    """Forty seconds, more than two blocks of reading; a quarter of it sounds."""
    samples = np.repeat([0.0, 0.8, 0.0, 0.0], 160_000)
    facts = measure_audio(write_samples(tmp_path / "a.wav", samples, subtype="FLOAT"))
    assert facts.duration_s == 40
    assert facts.rms_dbfs == pytest.approx(20 * np.log10(0.4), abs=0.01)


def test_digital_silence_is_measured_as_minus_120_dbfs(tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    facts = measure_audio(write_samples(tmp_path / "a.flac", np.zeros(16_000)))
    assert (facts.rms_dbfs, facts.problem) == (-120, None)


def test_a_file_without_samples_is_refused(tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    path = write_samples(tmp_path / "a.wav", np.zeros(0))
    with pytest.raises(ValueError, match="the file holds no sample"):
        read_audio(path)


def test_bytes_that_are_no_audio_are_refused() -> None:
    with pytest.raises(soundfile.LibsndfileError):
        read_audio(b"not audio at all" * 50)


def test_every_known_ending_has_a_mime_type_to_send_it_as() -> None:
    assert MIME_TYPES.keys() == AUDIO_SUFFIXES
