"""A student's answers to files that come some at a time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from tasks.contracts.errors import CheckpointError, ClipsError
from tasks.encoders.features import AudioFile
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.maths.masks import clip_keys, keyed_masks
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head, Masks
from tasks.networks.predict import predict_files
from tasks.networks.predict_stream import Predictor
from tasks.storage.audio import read_audio
from tasks.storage.files import sha256_of_file
from tests.networks.audio_classifiers import save_audio_classifier


@pytest.fixture
def files(tmp_path: Path) -> list[AudioFile]:
    """Five recordings of noise, half a second to two."""
    found = []
    for seed in range(5):
        path, rng = tmp_path / f"{seed}.wav", np.random.default_rng(seed)
        samples = int(rng.uniform(8_000, 32_000))
        soundfile.write(path, rng.normal(scale=0.1, size=samples), 16_000)
        found.append(AudioFile(sha256_of_file(path), path, samples / 16_000))
    return found


@pytest.fixture
def student(tmp_path: Path, config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]) -> Path:
    config = config_of(n_layers=1, dim=LogMelSettings().build().dim)
    save_classifier(tmp_path / "student", head_of(config), config)
    return tmp_path / "student"


@pytest.fixture
def attentive(tmp_path: Path) -> Callable[..., Path]:
    """A student that hears all frames of a small wav2vec 2.0."""

    def make(**head: Any) -> Path:
        encoder = HuggingFaceSettings(model=str(save_audio_classifier(tmp_path / "encoder", "wav2vec2")))
        sizes = {"n_layers": 3, "dim": 16, "hidden": 8, "pooling": "attentive"}
        identity = encoder.identity()
        config = ClassifierConfig(classes=["a", "b"], encoder=encoder, encoder_identity=identity, **sizes, **head)
        torch.manual_seed(0)
        save_classifier(tmp_path / "attentive", Head(config), config)
        return tmp_path / "attentive"

    return make


def test_the_answers_are_those_of_predict_files(tmp_path: Path, files: list[AudioFile], student: Path) -> None:
    probs_NC, doubt = Predictor(student, None).answer(files)
    expected_NC, _ = predict_files(student, files, tmp_path / "features")
    np.testing.assert_allclose(probs_NC, expected_NC, atol=1e-6)
    assert doubt is None


def test_with_and_without_kept_features_the_answers_agree(
    tmp_path: Path, files: list[AudioFile], student: Path
) -> None:
    kept, passing = (Predictor(student, folder, draws=4).answer(files) for folder in (tmp_path / "features", None))
    np.testing.assert_allclose(kept[0], passing[0], atol=1e-6)
    assert kept[1] is not None
    assert passing[1] is not None
    np.testing.assert_allclose(kept[1].mi_N, passing[1].mi_N, atol=1e-6)


@pytest.mark.parametrize("frames", ["store", "recompute"])
def test_a_student_that_hears_frames_answers_alike_wherever_they_are_kept(
    tmp_path: Path, files: list[AudioFile], attentive: Callable[..., Path], frames: str
) -> None:
    folder = attentive(frames=frames)
    kept_NC, _ = Predictor(folder, tmp_path / "features").answer(files)
    passing_NC, _ = Predictor(folder, None).answer(files)
    np.testing.assert_allclose(kept_NC, passing_NC, atol=1e-6)
    assert (tmp_path / "features").exists() == (frames == "store")


def test_rows_are_in_the_order_of_the_files_and_a_recording_may_come_twice(
    files: list[AudioFile], student: Path
) -> None:
    predictor = Predictor(student, None)
    probs_NC, _ = predictor.answer(files)
    mixed_NC, _ = predictor.answer([files[3], files[0], files[3]])
    np.testing.assert_allclose(mixed_NC, probs_NC[[3, 0, 3]], atol=1e-6)


def test_no_file_gets_no_row(student: Path) -> None:
    probs_NC, doubt = Predictor(student, None, draws=2).answer([])
    assert probs_NC.shape == (0, 4)
    assert doubt is not None
    assert doubt.mi_N.shape == (0,)


def test_doubt_is_mutual_information_and_entropy_of_masked_passes(files: list[AudioFile], student: Path) -> None:
    """Written out: K passes with the clip's own masks, then H of their mean and what their own H leave of it."""
    _, doubt = Predictor(student, None, draws=3, seed=7).answer(files)
    head, config = load_classifier(student)
    heard = LogMelSettings().build().hear([read_audio(file.path) for file in files])
    keys = clip_keys([file.sha256 for file in files])
    masks = Masks(
        keyed_masks(keys, 3, config.dim, config.dropout, 7, layer=0),
        keyed_masks(keys, 3, config.hidden, config.dropout, 7, layer=1),
    )
    logits_NKC = head(heard, masks).detach().double().numpy()
    p_NKC = np.exp(logits_NKC) / np.exp(logits_NKC).sum(axis=2, keepdims=True)
    mean_NC = p_NKC.mean(axis=1)
    entropy_N = -(mean_NC * np.log(mean_NC)).sum(axis=1)
    assert doubt is not None
    np.testing.assert_allclose(doubt.entropy_N, entropy_N, atol=1e-5)
    np.testing.assert_allclose(doubt.mi_N, entropy_N + (p_NKC * np.log(p_NKC)).sum(axis=2).mean(axis=1), atol=1e-5)


def test_a_clips_doubt_does_not_depend_on_its_company(files: list[AudioFile], student: Path) -> None:
    predictor = Predictor(student, None, draws=5)
    together = predictor.answer(files)[1]
    alone = [predictor.answer([file])[1] for file in files]
    assert together is not None
    np.testing.assert_allclose(together.mi_N, [doubt.mi_N[0] for doubt in alone if doubt], atol=1e-6)


def test_another_seed_makes_other_passes(files: list[AudioFile], student: Path) -> None:
    first, other = (Predictor(student, None, draws=5, seed=seed).answer(files) for seed in (0, 1))
    np.testing.assert_array_equal(first[0], other[0])
    assert first[1] is not None
    assert other[1] is not None
    assert (np.abs(first[1].mi_N - other[1].mi_N) > 1e-6).all()


def test_what_is_kept_needs_no_audio(tmp_path: Path, files: list[AudioFile], student: Path) -> None:
    before_NC, _ = Predictor(student, tmp_path / "features").answer(files)
    for file in files:
        file.path.unlink()
    after_NC, _ = Predictor(student, tmp_path / "features").answer(files)
    np.testing.assert_array_equal(after_NC, before_NC)


def test_a_recording_that_has_changed_is_refused(files: list[AudioFile], student: Path) -> None:
    with pytest.raises(ClipsError, match="has changed since it was indexed"):
        Predictor(student, None).answer([replace(files[0], sha256="0" * 64)])


def test_an_encoder_that_does_not_fit_the_head_is_refused(
    tmp_path: Path, files: list[AudioFile], config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]
) -> None:
    config = config_of(n_layers=2, dim=9)
    save_classifier(tmp_path / "odd", head_of(config), config)
    with pytest.raises(CheckpointError, match="head is for 2 layers of 9 features"):
        Predictor(tmp_path / "odd", None).answer(files)


@pytest.mark.parametrize("is_kept", [True, False])
def test_each_recording_is_told_of_once(tmp_path: Path, files: list[AudioFile], student: Path, is_kept: bool) -> None:
    """Heard for the first time, stored before, or named twice."""
    predictor = Predictor(student, tmp_path / "features" if is_kept else None)
    predictor.answer(files[:2])
    told: list[AudioFile] = []
    predictor.answer([*files, files[0]], told.extend)
    assert sorted(told, key=lambda file: file.path) == files
