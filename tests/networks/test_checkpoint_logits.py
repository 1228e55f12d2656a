"""A transformers audio classifier as the classifier: our logits are transformers' own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from tasks.encoders.features import AudioFile
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head
from tasks.networks.heard import features_for
from tasks.networks.predict import predict_files
from tasks.storage.audio import read_audio
from tasks.storage.files import sha256_of_file
from tests.networks.audio_classifiers import logits_of_transformers, save_audio_classifier

NORMALISED: dict[str, Any] = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}
WEIGHTED: dict[str, Any] = {"use_weighted_layer_sum": True}
CASES = [
    *[(family, {}) for family in ("wavlm", "hubert", "wav2vec2", "data2vec-audio", "whisper")],
    *[(family, WEIGHTED) for family in ("wavlm", "data2vec-audio", "whisper")],
    *[(family, NORMALISED) for family in ("wavlm", "hubert", "wav2vec2", "data2vec-audio")],
    *[(family, NORMALISED | WEIGHTED) for family in ("wavlm", "wav2vec2")],
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[AudioFile]:
    """Three recordings of noise of other lengths."""
    folder, found = tmp_path_factory.mktemp("audio"), []
    for seed, n in enumerate([9_000, 16_000, 24_001]):
        path = folder / f"{seed}.wav"
        soundfile.write(path, np.random.default_rng(seed).normal(scale=0.1, size=n), 16_000)
        found.append(AudioFile(sha256_of_file(path), path, n / 16_000))
    return found


@pytest.fixture(scope="module")
def wavlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_audio_classifier(tmp_path_factory.mktemp("wavlm"), "wavlm")


def theirs(folder: Path, files: list[AudioFile]) -> torch.Tensor:
    return torch.stack([logits_of_transformers(folder, read_audio(file.path)) for file in files])


@torch.inference_mode()
def ours(
    folder: Path, files: list[AudioFile], features: Path, labels: Mapping[str, str | None] = {}
) -> tuple[torch.Tensor, list[str]]:
    head, config = load_classifier(folder, labels)
    return head(features_for(config, files, features).rows(range(len(files)))), config.classes


@pytest.mark.parametrize(("family", "changed"), CASES, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_a_clips_logits_are_those_of_transformers(
    tmp_path: Path, files: list[AudioFile], family: str, changed: dict[str, Any]
) -> None:
    folder = save_audio_classifier(tmp_path / "checkpoint", family, **changed)
    found_NC, classes = ours(folder, files, tmp_path / "features")
    assert classes == ["ang", "hap", "exc", "oth"]
    torch.testing.assert_close(found_NC, theirs(folder, files), atol=1e-5, rtol=0)


def test_renamed_labels_keep_their_logits(tmp_path: Path, wavlm: Path, files: list[AudioFile]) -> None:
    turned = {"ang": "oth", "oth": "exc", "exc": "ang"}
    found_NC, classes = ours(wavlm, files, tmp_path, turned)
    assert classes == ["oth", "hap", "ang", "exc"]
    torch.testing.assert_close(found_NC, theirs(wavlm, files), atol=1e-5, rtol=0)


def test_labels_of_one_class_add_up(tmp_path: Path, wavlm: Path, files: list[AudioFile]) -> None:
    found_NC, classes = ours(wavlm, files, tmp_path, {"hap": "happy", "exc": "happy"})
    probs_NC = theirs(wavlm, files).softmax(dim=-1)
    expected_NC = torch.stack([probs_NC[:, 0], probs_NC[:, 1] + probs_NC[:, 2], probs_NC[:, 3]], dim=-1)
    assert classes == ["ang", "happy", "oth"]
    torch.testing.assert_close(found_NC.softmax(dim=-1), expected_NC, atol=1e-5, rtol=0)


def test_what_is_left_is_renormalised_where_a_label_is_left_out(
    tmp_path: Path, wavlm: Path, files: list[AudioFile]
) -> None:
    found_NC, classes = ours(wavlm, files, tmp_path, {"hap": None, "oth": None})
    probs_NC = theirs(wavlm, files).softmax(dim=-1)[:, [0, 2]]
    assert classes == ["ang", "exc"]
    torch.testing.assert_close(found_NC.softmax(dim=-1), probs_NC / probs_NC.sum(-1, keepdim=True), atol=1e-5, rtol=0)


def test_passes_with_dropout_differ_and_scatter_about_the_logits(
    tmp_path: Path, wavlm: Path, files: list[AudioFile]
) -> None:
    """Nothing between the two linear layers but the masks: their mean is the answer without dropout."""
    head, config = load_classifier(wavlm)
    heard = features_for(config, files, tmp_path).rows(range(len(files)))
    with torch.inference_mode():
        drawn_NKC = head(heard, head.draw_masks(len(files), 4000, torch.Generator().manual_seed(0)))
        expected_NC = head(heard)
    error_NC = drawn_NKC.std(dim=1) / 4000**0.5
    assert (error_NC > 0).all()
    assert ((drawn_NKC.mean(dim=1) - expected_NC).abs() < 5 * error_NC).all()


def test_a_checkpoint_names_the_emotion_in_audio_files(tmp_path: Path, wavlm: Path, files: list[AudioFile]) -> None:
    probs_NC, classes = predict_files(wavlm, files, tmp_path)
    assert classes == ["ang", "hap", "exc", "oth"]
    np.testing.assert_allclose(probs_NC, theirs(wavlm, files).softmax(dim=-1).numpy(), atol=1e-5)


@pytest.mark.parametrize("labels", [{}, {"hap": "happy", "exc": "happy", "oth": None}], ids=["as it is", "mapped"])
def test_a_student_of_a_checkpoint_is_a_classifier_of_ours_with_the_checkpoints_encoder(
    tmp_path: Path, wavlm: Path, files: list[AudioFile], labels: dict[str, str | None]
) -> None:
    head, config = load_classifier(wavlm, labels)
    save_classifier(tmp_path / "student", head, config)
    student, found = load_classifier(tmp_path / "student")
    assert found == config
    assert found.encoder.model_dump()["model"] == str(wavlm)
    heard = features_for(found, files, tmp_path / "features").rows(range(len(files)))
    assert torch.equal(student(heard), head(heard))


def test_layers_that_the_checkpoint_does_not_weigh_stay_without_a_share(tmp_path: Path) -> None:
    """Also after a moving average: with a score of minus infinity it would be NaN."""
    folder = save_audio_classifier(tmp_path / "c", "hubert", **NORMALISED, **WEIGHTED)
    head: Head = load_classifier(folder)[0]
    assert head.layer_scores is not None
    assert head.layer_scores.softmax(dim=0)[-1] == 0
    assert torch.lerp(head.layer_scores, head.layer_scores, 0.001).isfinite().all()
