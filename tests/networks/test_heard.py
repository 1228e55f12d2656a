from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tasks.contracts.errors import CheckpointError
from tasks.encoders.features import AudioFile
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import save_classifier
from tasks.networks.head import Head
from tasks.networks.heard import features_for
from tasks.networks.predict import predict_files
from tasks.storage.files import sha256_of_file
from tests.networks.audio_classifiers import save_audio_classifier


@pytest.fixture
def files(tmp_path: Path) -> list[AudioFile]:
    """Two recordings of noise of other lengths."""
    found = []
    for seed, n in enumerate([9_000, 16_000]):
        path = tmp_path / f"{seed}.wav"
        soundfile.write(path, np.random.default_rng(seed).normal(scale=0.1, size=n), 16_000)
        found.append(AudioFile(sha256_of_file(path), path, n / 16_000))
    return found


@pytest.fixture
def wavlm(tmp_path: Path) -> HuggingFaceSettings:
    return HuggingFaceSettings(model=str(save_audio_classifier(tmp_path / "wavlm", "wavlm")))


def test_mean_pooling_hears_one_frame_a_clip(
    tmp_path: Path, files: list[AudioFile], config_of: Callable[..., ClassifierConfig]
) -> None:
    found = features_for(config_of(n_layers=1, dim=LogMelSettings().build().dim), files, tmp_path / "f")
    assert found.rows([0, 1]).values_BLTD.shape == (2, 1, 1, found.dim)


@pytest.mark.parametrize(("n_layers", "dim"), [(2, 222), (1, 7)])
def test_an_encoder_that_the_head_is_not_for_is_told(
    tmp_path: Path, files: list[AudioFile], config_of: Callable[..., ClassifierConfig], n_layers: int, dim: int
) -> None:
    with pytest.raises(
        CheckpointError, match=rf"head is for {n_layers} layers of {dim} features; its encoder \(logmel"
    ):
        features_for(config_of(n_layers=n_layers, dim=dim), files, tmp_path / "f")


@pytest.mark.parametrize("kept", ["store", "recompute"])
def test_attentive_pooling_hears_all_frames(
    tmp_path: Path,
    files: list[AudioFile],
    wavlm: HuggingFaceSettings,
    config_of: Callable[..., ClassifierConfig],
    kept: str,
) -> None:
    config = config_of(encoder=wavlm, n_layers=3, dim=16, pooling="attentive", frames=kept)
    heard = features_for(config, files, tmp_path / "f", device="cpu").rows([0, 1])
    alone = wavlm.build("cpu").hear([soundfile.read(files[1].path, dtype="float32")[0]], frames=True)
    assert heard.n_frames_B[0] < heard.n_frames_B[1]
    assert heard.n_frames_B[1] == alone.n_frames_B[0]
    torch.testing.assert_close(heard.values_BLTD[1].cpu(), alone.values_BLTD[0], atol=1e-5, rtol=0)


def test_stored_and_recomputed_frames_give_the_same_answer(
    tmp_path: Path,
    files: list[AudioFile],
    wavlm: HuggingFaceSettings,
    config_of: Callable[..., ClassifierConfig],
    head_of: Callable[..., Head],
) -> None:
    given = {"encoder": wavlm, "encoder_identity": wavlm.identity(), "n_layers": 3, "dim": 16, "pooling": "attentive"}
    answers = []
    for kept in ("store", "recompute"):
        config = config_of(**given, frames=kept)
        save_classifier(tmp_path / kept, head_of(config), config)
        answers.append(predict_files(tmp_path / kept, files, tmp_path / "f", device="cpu")[0])
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-6)


REAL = Path(__file__).resolve().parents[2].parent / "shared" / "models" / "whisper-base-encoder"


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real Whisper encoder at {REAL}")
@pytest.mark.slow
def test_with_the_real_whisper_a_clips_logits_do_not_depend_on_its_batch(
    files: list[AudioFile], config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]
) -> None:
    encoder = HuggingFaceSettings(model=str(REAL)).build("cpu")
    head = head_of(config_of(n_layers=encoder.n_layers, dim=encoder.dim, pooling="attentive"))
    waves = [soundfile.read(file.path, dtype="float32")[0] for file in files]
    with torch.inference_mode():
        together_NC = head(encoder.hear(waves, frames=True))
        alone_NC = torch.cat([head(encoder.hear([wave], frames=True)) for wave in waves])
    torch.testing.assert_close(together_NC, alone_NC, atol=1e-5, rtol=0)
