"""What is wrong with a file is found by reading it to its end, in every format, and never a crash."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.storage.audio import AUDIO_SUFFIXES, AudioFacts, measure_audio

in_every_format = pytest.mark.parametrize("ending", sorted(AUDIO_SUFFIXES))
NOISE_10_S = np.random.default_rng(0).uniform(-0.3, 0.3, 160_000)


def problem_of(path: Path) -> str:
    return measure_audio(path).problem or "none"


def cut(path: Path, share: float) -> Path:
    """The first part of the file, as an interrupted copy or download leaves it."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@in_every_format
@pytest.mark.parametrize("content", [b"not audio at all" * 50, bytes(2_000)], ids=["text", "zeros"])
def test_a_file_that_is_no_audio_is_unreadable(ending: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    facts = measure_audio(path)
    assert str(facts.problem).startswith("unreadable: ")
    assert facts == AudioFacts(0.0, 0, 0, -120.0, facts.problem)


@in_every_format
def test_a_file_that_lies_there_is_not_said_to_be_missing(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"not audio at all" * 50)
    assert "does not exist" not in problem_of(path)


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "a.wav").startswith("unreadable: ")


@in_every_format
def test_a_file_without_a_byte_is_empty(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    path.touch()
    assert problem_of(path).startswith("empty: ")


@pytest.mark.parametrize("ending", [".wav", ".ogg"])
def test_a_header_without_samples_is_empty(ending: str, tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    path = write_samples(tmp_path / f"a{ending}", np.zeros(0))
    assert path.stat().st_size > 0
    assert problem_of(path) == "empty: the file holds no sample"


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_one_sample_that_is_not_finite_is_found(
    wrong: float, tmp_path: Path, write_samples: Callable[..., Path]
) -> None:
    samples = NOISE_10_S.copy()
    samples[-1] = wrong
    facts = measure_audio(write_samples(tmp_path / "a.wav", samples, subtype="FLOAT"))
    assert facts.problem == "not finite: the file holds NaN or infinite samples"
    assert (facts.duration_s, facts.rms_dbfs) == (10, -120)


@in_every_format
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_file_has_a_problem(
    ending: str, share: float, tmp_path: Path, write_samples: Callable[..., Path]
) -> None:
    path = write_samples(tmp_path / f"a{ending}", NOISE_10_S)
    assert problem_of(path) == "none"
    assert problem_of(cut(path, share)).startswith(("truncated: ", "unreadable: "))


@pytest.mark.parametrize("ending", [".wav", ".mp3"])
def test_a_truncated_file_is_told_with_what_could_be_read(
    ending: str, tmp_path: Path, write_samples: Callable[..., Path]
) -> None:
    path = cut(write_samples(tmp_path / f"a{ending}", NOISE_10_S), 0.5)
    told = problem_of(path)
    assert told.endswith(" s could be read, the header promises more")
    assert float(told.split()[1]) == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize("subtype", ["PCM_U8", "ULAW", "PCM_16", "PCM_24", "FLOAT", "GSM610", "IMA_ADPCM"])
def test_half_a_second_that_a_wav_lacks_is_noticed_however_it_is_coded(
    subtype: str, tmp_path: Path, write_samples: Callable[..., Path]
) -> None:
    path = write_samples(tmp_path / "a.wav", NOISE_10_S, rate_hz=8_000, subtype=subtype)
    assert problem_of(cut(path, 1 - 0.5 / 20)).startswith("truncated: ")


def test_a_wav_that_lacks_a_few_samples_is_taken(tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    path = write_samples(tmp_path / "a.wav", NOISE_10_S)
    assert problem_of(cut(path, 1 - 0.1 / 10)) == "none"


def test_a_wav_written_to_a_pipe_that_does_not_know_its_size_is_taken(
    tmp_path: Path, write_samples: Callable[..., Path]
) -> None:
    path = write_samples(tmp_path / "a.wav", NOISE_10_S)
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\xff" * 4 + content[44:])
    assert (measure_audio(path).duration_s, problem_of(path)) == (10, "none")


def test_chunks_before_and_after_the_samples_are_skipped(tmp_path: Path, write_samples: Callable[..., Path]) -> None:
    path = write_samples(tmp_path / "a.wav", NOISE_10_S)
    content = path.read_bytes()
    note = b"LIST" + (5).to_bytes(4, "little") + b"INFO!\0"  # odd sizes are padded by a byte
    body = content[8:36] + note + content[36:] + note
    path.write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)
    assert (measure_audio(path).duration_s, problem_of(path)) == (10, "none")
    assert problem_of(cut(path, 0.9)).startswith("truncated: ")
