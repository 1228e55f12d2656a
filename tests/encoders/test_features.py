"""What is stored is never computed again; what is missing goes through the encoder in batches of bounded length."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.features import AudioFile, feature_store, features_of, plan_batches
from tasks.encoders.logmel import LogMel, LogMelSettings
from tasks.storage.audio import read_audio
from tasks.storage.files import sha256_of_file


class CannotBeBuilt(LogMelSettings):
    """The same encoder to the store, but its weights are gone."""

    def build(self, device: str = "auto") -> LogMel:
        raise CheckpointError("the encoder is gone")


class Batches(LogMel):
    """Keeps the clips' lengths of each batch, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[float]] = []

    def encode(self, waves: list[NDArray[np.float32]]) -> torch.Tensor:
        self.seen.append([len(wave) / 16_000 for wave in waves])
        return super().encode(waves)


class Watched(LogMelSettings):
    """Builds an encoder that one can look at afterwards."""

    _built: list[Batches] = []  # noqa: RUF012

    def build(self, device: str = "auto") -> Batches:
        self._built.append(Batches())
        return self._built[-1]


class Sick(LogMel):
    """Gives a number that is not finite for every clip longer than a second."""

    def encode(self, waves: list[NDArray[np.float32]]) -> torch.Tensor:
        rows_NLD = super().encode(waves)
        rows_NLD[[len(wave) > 16_000 for wave in waves], 0, 7] = torch.nan
        return rows_NLD


class SickSettings(LogMelSettings):
    def build(self, device: str = "auto") -> Sick:
        return Sick()


def record(folder: Path, name: str, duration_s: float) -> AudioFile:
    noise = np.random.default_rng(len(name)).normal(scale=0.1, size=int(16_000 * duration_s))
    soundfile.write(folder / name, noise, 16_000)
    return AudioFile(sha256_of_file(folder / name), folder / name, duration_s)


@pytest.fixture
def files(tmp_path: Path) -> list[AudioFile]:
    lengths = {"a.wav": 1.5, "bb.wav": 0.5, "ccc.wav": 0.8, "dddd.wav": 0.6}
    return [record(tmp_path, name, duration_s) for name, duration_s in lengths.items()]


def test_features_are_the_encoders_in_the_order_of_the_files(tmp_path: Path, files: list[AudioFile]) -> None:
    expected = LogMel().encode([read_audio(file.path) for file in files]).numpy()
    found = features_of(files, LogMelSettings(), tmp_path / "f")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(features_of(files[::-1], LogMelSettings(), tmp_path / "f"), expected[::-1])


def test_a_second_call_does_not_build_the_encoder(tmp_path: Path, files: list[AudioFile]) -> None:
    first = features_of(files, LogMelSettings(), tmp_path / "f")
    np.testing.assert_array_equal(features_of(files, CannotBeBuilt(), tmp_path / "f"), first)


def test_a_renamed_recording_is_not_computed_again(tmp_path: Path, files: list[AudioFile]) -> None:
    first = features_of(files, LogMelSettings(), tmp_path / "f")
    renamed = [replace(file, path=tmp_path / "gone.wav") for file in files]
    np.testing.assert_array_equal(features_of(renamed, CannotBeBuilt(), tmp_path / "f"), first)


def test_a_new_recording_does_build_the_encoder(tmp_path: Path, files: list[AudioFile]) -> None:
    features_of(files[1:], LogMelSettings(), tmp_path / "f")
    with pytest.raises(CheckpointError, match="the encoder is gone"):
        features_of(files, CannotBeBuilt(), tmp_path / "f")


def test_only_new_recordings_are_encoded_and_each_once(tmp_path: Path, files: list[AudioFile]) -> None:
    features_of(files[2:], LogMelSettings(), tmp_path / "f")
    watched = Watched()
    assert features_of([*files, files[0]], watched, tmp_path / "f").shape == (5, 1, LogMel().dim)
    assert [sorted(batch) for batch in watched._built[-1].seen] == [[0.5, 1.5]]


def test_another_version_of_the_encoder_has_a_store_of_its_own(tmp_path: Path, files: list[AudioFile]) -> None:
    class Newer(CannotBeBuilt):
        def identity(self) -> dict[str, Any]:
            return {"kind": "logmel", "code_version": 2}

    features_of(files, LogMelSettings(), tmp_path / "f")
    with pytest.raises(CheckpointError, match="the encoder is gone"):
        features_of(files, Newer(), tmp_path / "f")


def test_no_batch_that_reaches_the_encoder_is_longer_than_allowed(tmp_path: Path, files: list[AudioFile]) -> None:
    watched = Watched()
    features_of(files, watched, tmp_path / "f", batch_seconds=1.2)
    assert watched._built[-1].seen == [[0.5, 0.6], [0.8], [1.5]]


def test_a_number_that_is_not_finite_is_refused_with_the_files_name(tmp_path: Path, files: list[AudioFile]) -> None:
    told = r"/a\.wav: the encoder gives numbers that are not finite \(1 of 4 clips\)"
    with pytest.raises(CheckpointError, match=told):
        features_of(files, SickSettings(), tmp_path / "f")
    assert feature_store(LogMelSettings(), tmp_path / "f").known() == set()


LENGTHS = st.lists(st.floats(0.1, 60), max_size=40)


@hypothesis.given(durations_s=LENGTHS, batch_seconds=st.floats(0.5, 200))
def test_a_batch_is_at_most_so_long_or_holds_one_clip(durations_s: list[float], batch_seconds: float) -> None:
    files = [AudioFile(f"{n:064x}", Path(f"{n}.wav"), duration_s) for n, duration_s in enumerate(durations_s)]
    batches = list(plan_batches(files, batch_seconds))
    assert sorted(file.sha256 for batch in batches for file in batch) == [file.sha256 for file in files]
    for batch in batches:
        assert len(batch) == 1 or sum(file.duration_s for file in batch) <= batch_seconds + 1e-9


@hypothesis.given(durations_s=LENGTHS, batch_seconds=st.floats(0.5, 200))
def test_no_two_neighbouring_batches_would_fit_into_one(durations_s: list[float], batch_seconds: float) -> None:
    files = [AudioFile(f"{n:064x}", Path(f"{n}.wav"), duration_s) for n, duration_s in enumerate(durations_s)]
    batches = list(plan_batches(files, batch_seconds))
    for batch, following in itertools.pairwise(batches):
        assert sum(file.duration_s for file in batch) + following[0].duration_s > batch_seconds - 1e-9


def test_a_plan_does_not_depend_on_the_order_of_the_files(files: list[AudioFile]) -> None:
    assert list(plan_batches(files, 1.5)) == list(plan_batches(files[::-1], 1.5))
