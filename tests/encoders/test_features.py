"""What is stored is never computed again; what is missing goes through the encoder and comes back bit for bit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames, Live
from tasks.encoders.features import AudioFile, Features, StoredFeatures, feature_store, features_of
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.logmel import LogMel, LogMelSettings
from tasks.storage.audio import read_audio
from tests.encoders.recordings import record


class CannotBeBuilt(LogMelSettings):
    """The same encoder to the store, but its weights are gone."""

    def build(self, device: str = "auto") -> LogMel:
        raise CheckpointError("the encoder is gone")


class Batches(LogMel):
    """Keeps the clips' lengths of each batch, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[float]] = []

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        self.seen.append([len(wave) / 16_000 for wave in waves])
        return super().hear(waves, frames=frames, live=live)


class Watched(LogMelSettings):
    """Builds an encoder that one can look at afterwards."""

    _built: list[Batches] = []  # noqa: RUF012

    def build(self, device: str = "auto") -> Batches:
        self._built.append(Batches())
        return self._built[-1]


def means_of(features: Features) -> torch.Tensor:
    return features.rows(range(len(features))).means_BLD()


@pytest.fixture
def files(tmp_path: Path) -> list[AudioFile]:
    lengths = {"a.wav": 1.5, "bb.wav": 0.5, "ccc.wav": 0.8, "dddd.wav": 0.6}
    return [record(tmp_path / name, duration_s) for name, duration_s in lengths.items()]


def test_features_are_the_encoders_in_the_order_of_the_files(tmp_path: Path, files: list[AudioFile]) -> None:
    expected = LogMel().hear([read_audio(file.path) for file in files]).means_BLD()
    found = features_of(files, LogMelSettings(), tmp_path / "f")
    assert (len(found), found.n_layers, found.dim) == (4, 1, LogMel().dim)
    assert torch.equal(means_of(found), expected)
    assert torch.equal(means_of(features_of(files[::-1], LogMelSettings(), tmp_path / "f")), expected.flip(0))


def test_rows_are_those_asked_for(tmp_path: Path, files: list[AudioFile]) -> None:
    found = features_of(files, LogMelSettings(), tmp_path / "f")
    assert torch.equal(found.rows([2, 0, 2]).means_BLD(), means_of(found)[[2, 0, 2]])


def test_a_second_call_does_not_build_the_encoder(tmp_path: Path, files: list[AudioFile]) -> None:
    first = means_of(features_of(files, LogMelSettings(), tmp_path / "f"))
    assert torch.equal(means_of(features_of(files, CannotBeBuilt(), tmp_path / "f")), first)


def test_a_renamed_recording_is_not_computed_again(tmp_path: Path, files: list[AudioFile]) -> None:
    first = means_of(features_of(files, LogMelSettings(), tmp_path / "f"))
    renamed = [replace(file, path=tmp_path / "gone.wav") for file in files]
    assert torch.equal(means_of(features_of(renamed, CannotBeBuilt(), tmp_path / "f")), first)


def test_a_new_recording_does_build_the_encoder(tmp_path: Path, files: list[AudioFile]) -> None:
    features_of(files[1:], LogMelSettings(), tmp_path / "f")
    with pytest.raises(CheckpointError, match="the encoder is gone"):
        features_of(files, CannotBeBuilt(), tmp_path / "f")


def test_only_new_recordings_are_encoded_and_each_once(tmp_path: Path, files: list[AudioFile]) -> None:
    features_of(files[2:], LogMelSettings(), tmp_path / "f")
    watched = Watched()
    assert len(features_of([*files, files[0]], watched, tmp_path / "f")) == 5
    assert sorted(flat(watched._built[-1].seen)) == [0.5, 1.5]


def flat(batches: list[list[float]]) -> list[float]:
    return [duration_s for batch in batches for duration_s in batch]


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


def test_no_files_have_no_features_and_need_no_encoder(tmp_path: Path) -> None:
    assert len(features_of([], CannotBeBuilt(), tmp_path / "f")) == 0


def test_features_of_audio_that_is_not_stored_are_refused_at_once(tmp_path: Path, files: list[AudioFile]) -> None:
    features_of(files[:3], LogMelSettings(), tmp_path / "f")
    store = feature_store(LogMelSettings(), tmp_path / "f")
    with pytest.raises(KeyError, match="1 of 4 clips have no stored features"):
        StoredFeatures(store, [file.sha256 for file in files])


@pytest.mark.parametrize("kept", ["store", "recompute"])
def test_all_frames_are_those_that_the_encoder_gives_alone(
    tmp_path: Path, files: list[AudioFile], small_wavlm: Path, kept: Any
) -> None:
    settings = HuggingFaceSettings(model=str(small_wavlm))
    encoder = settings.build("cpu")
    heard = features_of(files, settings, tmp_path / "f", frames=kept, device="cpu").rows([3, 0])
    for row_LTD, n_frames, file in zip(heard.values_BLTD, heard.n_frames_B, [files[3], files[0]], strict=True):
        alone = encoder.hear([read_audio(file.path)], frames=True)
        assert n_frames == alone.n_frames_B[0] > 1
        torch.testing.assert_close(row_LTD[:, :n_frames], alone.values_BLTD[0], atol=1e-6, rtol=0)
        assert not row_LTD[:, n_frames:].any()


def test_stored_frames_are_not_computed_again(tmp_path: Path, files: list[AudioFile], small_wavlm: Path) -> None:
    settings = HuggingFaceSettings(model=str(small_wavlm))
    features_of(files, settings, tmp_path / "f", frames="store", device="cpu")
    gone = [replace(file, path=tmp_path / "gone.wav") for file in files]
    assert len(features_of(gone, settings, tmp_path / "f", frames="store", device="cpu").rows([0, 1])) == 2


def test_frames_do_not_stand_in_for_time_means(tmp_path: Path, files: list[AudioFile], small_wavlm: Path) -> None:
    settings = HuggingFaceSettings(model=str(small_wavlm))
    features_of(files, settings, tmp_path / "f", frames="store", device="cpu")
    assert features_of(files, settings, tmp_path / "f", device="cpu").rows([0]).values_BLTD.shape[2] == 1


def test_what_is_recomputed_leaves_nothing_on_disk(tmp_path: Path, files: list[AudioFile], small_wavlm: Path) -> None:
    settings = HuggingFaceSettings(model=str(small_wavlm))
    features_of(files, settings, tmp_path / "f", frames="recompute", device="cpu").rows([0, 1])
    assert not (tmp_path / "f").exists()
