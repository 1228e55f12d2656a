"""A student as ONNX gives torch's probabilities, for other clips than those that it was compared on."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
import torch

from tasks.contracts.errors import CheckpointError, SettingsError
from tasks.encoders.base import Frames
from tasks.encoders.features import AudioFile
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.export_onnx import TOLERANCE, check_installed, export_onnx
from tasks.networks.head import Head
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.storage.files import sha256_of_file
from tests.networks.audio_classifiers import save_audio_classifier

CLASSES = ["angry", "happy", "sad"]
_RNG = np.random.default_rng(0)
WAVES = [_RNG.normal(scale=0.1, size=size).astype(np.float32) for size in (1_600, 23_456, 60_000)]


@pytest.fixture
def clips(tmp_path: Path) -> list[AudioFile]:
    """Two recordings to be compared on."""
    found = []
    for n, samples in enumerate([8_000, 40_000]):
        path = tmp_path / f"{n}.wav"
        soundfile.write(path, np.random.default_rng(n).normal(scale=0.1, size=samples), 16_000)
        found.append(AudioFile(sha256_of_file(path), path, samples / 16_000))
    return found


def student_on(encoder: HuggingFaceSettings | LogMelSettings, **changed: Any) -> tuple[Head, ClassifierConfig]:
    """A head of large random weights: its probabilities differ from clip to clip."""
    built = encoder.build("cpu")
    sizes = {"n_layers": built.n_layers, "dim": built.dim, "hidden": 8}
    config = ClassifierConfig(classes=CLASSES, encoder=encoder, encoder_identity={}, **sizes | changed)
    torch.manual_seed(0)
    head = Head(config).eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return head, config


@torch.inference_mode()
def probs_of_torch(head: Head, config: ClassifierConfig, wave: np.ndarray) -> np.ndarray:
    heard = config.encoder.build("cpu").hear([wave], frames=config.hears_frames)
    return head(heard).softmax(dim=-1).numpy()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "changed", "pooling"),
    [
        ("wavlm", {}, "mean"),
        ("wavlm", {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}, "mean"),
        ("hubert", {}, "mean"),
        ("wav2vec2", {}, LabelSignalPooling(size=8, heads=2)),
        ("data2vec-audio", {}, "mean"),
        ("whisper", {}, "attentive"),
    ],
)
def test_the_whole_model_gives_torchs_probabilities_for_waves_of_any_length(
    tmp_path: Path, clips: list[AudioFile], family: str, changed: dict[str, Any], pooling: Any
) -> None:
    encoder = HuggingFaceSettings(model=str(save_audio_classifier(tmp_path / "encoder", family, **changed)))
    head, config = student_on(encoder, pooling=pooling)
    written = export_onnx(head, config, tmp_path / "onnx", clips)
    assert [path.name for path in written] == ["head.onnx", "model.onnx"]
    session = onnxruntime.InferenceSession(written[1])
    found = np.concatenate([session.run(None, {"wave": wave[None]})[0] for wave in WAVES])
    expected = np.concatenate([probs_of_torch(head, config, wave) for wave in WAVES])
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    assert np.ptp(expected, axis=0).max() > 10 * TOLERANCE


def test_of_a_clip_of_more_than_30_s_the_beginning_is_compared(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(scale=0.1, size=31 * 16_000), 16_000)
    long = AudioFile(sha256_of_file(tmp_path / "long.wav"), tmp_path / "long.wav", 31.0)
    encoder = HuggingFaceSettings(model=str(save_audio_classifier(tmp_path / "encoder", "whisper")))
    assert len(export_onnx(*student_on(encoder), tmp_path / "onnx", [long])) == 2


def test_whisper_whose_padding_counts(tmp_path: Path, clips: list[AudioFile]) -> None:
    folder = save_audio_classifier(tmp_path / "encoder", "whisper")
    head, config = student_on(HuggingFaceSettings(model=str(folder), padding="counted"))
    session = onnxruntime.InferenceSession(export_onnx(head, config, tmp_path / "onnx", clips)[1])
    (found,) = session.run(None, {"wave": WAVES[1][None]})
    np.testing.assert_allclose(found, probs_of_torch(head, config, WAVES[1]), atol=TOLERANCE)


def test_half_precision_is_exported_in_full(tmp_path: Path, clips: list[AudioFile]) -> None:
    folder = save_audio_classifier(tmp_path / "encoder", "wav2vec2")
    head, config = student_on(HuggingFaceSettings(model=str(folder), precision="bfloat16"))
    session = onnxruntime.InferenceSession(export_onnx(head, config, tmp_path / "onnx", clips)[1])
    full = config.model_copy(update={"encoder": HuggingFaceSettings(model=str(folder))})
    (found,) = session.run(None, {"wave": WAVES[1][None]})
    np.testing.assert_allclose(found, probs_of_torch(head, full, WAVES[1]), atol=TOLERANCE)


@pytest.mark.parametrize(("n_clips", "pooling"), [(1, "mean"), (3, "mean"), (64, LabelSignalPooling(size=8, heads=2))])
def test_the_head_takes_any_number_of_clips(tmp_path: Path, clips: list[AudioFile], n_clips: int, pooling: Any) -> None:
    head, config = student_on(LogMelSettings(), pooling=pooling)
    session = onnxruntime.InferenceSession(export_onnx(head, config, tmp_path / "onnx", clips)[0])
    features = torch.randn(n_clips, 1, config.dim)
    (found,) = session.run(None, {"features": features.numpy()})
    with torch.inference_mode():
        expected = head(Frames.of_means(features)).softmax(dim=-1).numpy()
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_an_attentive_head_takes_frames_and_their_number(tmp_path: Path, clips: list[AudioFile]) -> None:
    folder = save_audio_classifier(tmp_path / "encoder", "wav2vec2")
    head, config = student_on(HuggingFaceSettings(model=str(folder)), pooling="attentive")
    session = onnxruntime.InferenceSession(export_onnx(head, config, tmp_path / "onnx", clips)[0])
    features, n_frames = torch.randn(3, 3, 40, 16), torch.tensor([40, 7, 1])
    (found,) = session.run(None, {"features": features.numpy(), "n_frames": n_frames.numpy()})
    with torch.inference_mode():
        expected = head(Frames(features, n_frames)).softmax(dim=-1).numpy()
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_outputs_of_one_class_are_joined_in_the_graph_too(tmp_path: Path, clips: list[AudioFile]) -> None:
    head, config = student_on(LogMelSettings(), groups=[0, None, 1, 2, 0])
    session = onnxruntime.InferenceSession(export_onnx(head, config, tmp_path / "onnx", clips)[0])
    features = torch.randn(2, 1, config.dim)
    (found,) = session.run(None, {"features": features.numpy()})
    with torch.inference_mode():
        expected = head(Frames.of_means(features)).softmax(dim=-1).numpy()
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_statistics_of_waves_are_no_network(tmp_path: Path, clips: list[AudioFile]) -> None:
    written = export_onnx(*student_on(LogMelSettings()), tmp_path / "onnx", clips)
    assert [path.name for path in written] == ["head.onnx"]


def test_the_file_names_its_axes_and_its_classes(tmp_path: Path, clips: list[AudioFile]) -> None:
    head, config = student_on(LogMelSettings())
    model = onnx.load(export_onnx(head, config, tmp_path / "onnx", clips)[0])
    told = {entry.key: entry.value for entry in model.metadata_props}
    axes = [axis.dim_param or axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    assert json.loads(told["classes"]) == CLASSES
    assert told["sample_rate_hz"] == "16000"
    assert axes == ["clips", 1, config.dim]
    assert model.graph.output[0].name == "probabilities"


def test_a_graph_that_gives_other_probabilities_is_refused(
    tmp_path: Path, clips: list[AudioFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here nothing but a tolerance below 0 is wrong with it."""
    monkeypatch.setattr("tasks.networks.export_onnx.TOLERANCE", -1.0)
    told = r"head\.onnx: for .*0\.wav its probabilities differ from torch's by .*, at most -1 is allowed"
    with pytest.raises(CheckpointError, match=told):
        export_onnx(*student_on(LogMelSettings()), tmp_path / "onnx", clips)


def test_without_the_packages_their_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        SettingsError, match=r"--onnx: onnxscript is not installed\. Run `pip install 'mifuse\[onnx\]'`"
    ):
        check_installed()


def test_with_the_packages_nothing_is_refused() -> None:
    check_installed()
