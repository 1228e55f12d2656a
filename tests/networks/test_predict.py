from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.contracts.errors import CheckpointError
from tasks.encoders.features import AudioFile
from tasks.encoders.logmel import LogMelSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head
from tasks.networks.predict import predict_files
from tasks.storage.audio import read_audio
from tasks.storage.files import sha256_of_file


@pytest.fixture
def files(tmp_path: Path) -> list[AudioFile]:
    """Three recordings of noise at other rates and channel counts."""
    found = []
    for seed, rate_hz, channels in [(0, 16_000, 1), (1, 44_100, 2), (2, 8_000, 1)]:
        path = tmp_path / f"{seed}.wav"
        noise = np.random.default_rng(seed).normal(scale=0.1, size=(rate_hz, channels))
        soundfile.write(path, noise, rate_hz)
        found.append(AudioFile(sha256_of_file(path), path, 1.0))
    return found


@pytest.fixture
def student(tmp_path: Path, config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]) -> Path:
    config = config_of(n_layers=1, dim=LogMelSettings().build().dim, classes=["sad", "angry"])
    save_classifier(tmp_path / "student", head_of(config), config)
    return tmp_path / "student"


def test_the_answer_is_the_softmax_of_the_head_over_the_audio(
    tmp_path: Path, files: list[AudioFile], student: Path
) -> None:
    probs_NC, classes = predict_files(student, files, tmp_path / "features")
    heard = LogMelSettings().build().hear([read_audio(file.path) for file in files])
    logits_NC = load_classifier(student)[0](heard).detach().double().numpy()
    assert classes == ["sad", "angry"]
    np.testing.assert_allclose(probs_NC, np.exp(logits_NC) / np.exp(logits_NC).sum(axis=1, keepdims=True), rtol=1e-5)


def test_rows_are_distributions_in_the_order_of_the_files(
    tmp_path: Path, files: list[AudioFile], student: Path
) -> None:
    probs_NC, _ = predict_files(student, files, tmp_path / "features")
    turned_NC, _ = predict_files(student, files[::-1], tmp_path / "features")
    np.testing.assert_allclose(probs_NC.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(turned_NC, probs_NC[::-1], atol=1e-6)
    assert len(np.unique(probs_NC[:, 0])) == 3


def test_the_same_recording_twice_gets_two_equal_rows(tmp_path: Path, files: list[AudioFile], student: Path) -> None:
    probs_NC, _ = predict_files(student, [files[0], files[1], files[0]], tmp_path / "features")
    np.testing.assert_allclose(probs_NC[0], probs_NC[2], atol=1e-6)
    assert abs(probs_NC[0, 0] - probs_NC[1, 0]) > 1e-3


def test_dropout_is_off(tmp_path: Path, files: list[AudioFile], student: Path) -> None:
    first, again = (predict_files(student, files, tmp_path / "features")[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_folder_that_is_no_student_is_refused(tmp_path: Path, files: list[AudioFile]) -> None:
    with pytest.raises(CheckpointError, match="no classifier there"):
        predict_files(tmp_path / "nowhere", files, tmp_path / "features")


def test_a_student_of_another_encoder_is_refused_before_any_audio_is_read(
    tmp_path: Path, config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]
) -> None:
    config = config_of(encoder_identity={"kind": "logmel", "code_version": 0})
    save_classifier(tmp_path / "old", head_of(config), config)
    with pytest.raises(CheckpointError, match="another version of its encoder"):
        predict_files(tmp_path / "old", [AudioFile("0" * 64, tmp_path / "gone.wav", 1.0)], tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_more_clips_than_are_held_at_once_all_get_their_answer(
    tmp_path: Path, files: list[AudioFile], student: Path
) -> None:
    """Chunks of 256: the three recordings again and again, in an order that is not the content's."""
    three_NC, _ = predict_files(student, files, tmp_path / "features")
    many_NC, _ = predict_files(student, files * 200, tmp_path / "features")
    np.testing.assert_allclose(many_NC, np.tile(three_NC, (200, 1)), atol=1e-6)
