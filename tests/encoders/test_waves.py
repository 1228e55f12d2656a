"""Recordings are decoded ahead, in order and not without bound; what cannot be read is told with its name."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.contracts.errors import ClipsError
from tasks.encoders.features import AudioFile
from tasks.encoders.waves import decoded_ahead, wave_of
from tasks.storage.audio import read_audio
from tasks.storage.files import sha256_of_file
from tests.encoders.recordings import record


@pytest.fixture
def files(tmp_path: Path) -> list[AudioFile]:
    return [record(tmp_path / f"{'n' * n}.wav", 0.1 * n) for n in range(1, 11)]


def test_waves_come_with_their_files_in_the_order_of_the_batches(files: list[AudioFile]) -> None:
    batches = [files[3:5], files[:1], files[5:]]
    found = list(decoded_ahead(batches))
    assert [batch for batch, _ in found] == batches
    for batch, waves in found:
        for file, wave in zip(batch, waves, strict=True):
            np.testing.assert_array_equal(wave, read_audio(file.path))


def test_the_next_two_batches_are_read_ahead_and_no_more(files: list[AudioFile]) -> None:
    asked: list[int] = []

    def batches() -> Iterator[list[AudioFile]]:
        for n, file in enumerate(files):
            asked.append(n)
            yield [file]

    waves = decoded_ahead(batches())
    for n in range(5):
        next(waves)
        assert asked == list(range(n + 3))
    waves.close()


def test_what_was_not_read_when_the_work_stops_is_not_read_any_more(files: list[AudioFile]) -> None:
    read: list[AudioFile] = []

    def decode(file: AudioFile) -> NDArray[np.float32]:
        read.append(file)
        return np.zeros(1, np.float32)

    waves = decoded_ahead([[file] for file in files], decode)
    next(waves)
    waves.close()
    assert len(read) <= 3


def test_no_batches_are_no_waves() -> None:
    assert list(decoded_ahead([])) == []


def test_a_changed_recording_is_refused(files: list[AudioFile]) -> None:
    files[0].path.write_bytes(files[1].path.read_bytes())
    with pytest.raises(ClipsError, match=r"/n\.wav: has changed since it was indexed\. Run again\."):
        wave_of(files[0])


def test_a_recording_that_is_gone_is_refused(files: list[AudioFile]) -> None:
    files[0].path.unlink()
    with pytest.raises(ClipsError, match=r"/n\.wav: cannot be read any more \(.*No such file.*\)\. Run again"):
        wave_of(files[0])


def test_a_file_that_is_no_audio_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_bytes(b"not audio")
    with pytest.raises(ClipsError, match=r"/text\.wav: cannot be read any more \(.*Format not recognised"):
        wave_of(AudioFile(sha256_of_file(path), path, 1.0))


def test_the_error_of_a_batch_comes_when_its_turn_has_come(files: list[AudioFile]) -> None:
    files[1].path.unlink()
    waves = decoded_ahead([[file] for file in files])
    assert next(waves)[0] == files[:1]
    with pytest.raises(ClipsError, match=r"/nn\.wav: cannot be read any more"):
        next(waves)
