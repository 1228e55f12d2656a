"""Pretrained encoders that are small and randomly initialised, in folders such as a user would give; and noise."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from tasks.maths.threads import one_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


WAVS = {"wavlm": "WavLM", "hubert": "Hubert", "wav2vec2": "Wav2Vec2", "data2vec-audio": "Data2VecAudio"}


def noise(seed: int, duration_s: float) -> NDArray[np.float32]:
    """Seeded noise about an offset of its own, so that normalisation has something to do."""
    rng = np.random.default_rng(seed)
    return (rng.normal(scale=0.1, size=round(16_000 * duration_s)) + 0.05 * seed).astype(np.float32)


def save_wav_encoder(folder: Path, model_type: str, **changed: Any) -> Path:
    """A randomly initialised encoder of two layers over the raw wave, 400 frames a second, as save_pretrained does."""
    name = WAVS[model_type]
    convolutions = {"conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (5, 8), "num_feat_extract_layers": 2}
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    layers = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    if model_type == "data2vec-audio":
        positions = {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5, "num_conv_pos_embedding_groups": 2}
    config = getattr(transformers, f"{name}Config")(**convolutions | positions | layers | changed)
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}Model")(config)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm1d):  # HuBERT's: statistics as after training
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    model.save_pretrained(folder)
    normalise = model_type != "wavlm" or changed.get("do_stable_layer_norm", False)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=normalise).save_pretrained(folder)
    return folder


def save_whisper(folder: Path, **changed: Any) -> Path:
    """The same for Whisper: windows of 30 s, 50 frames a second, two layers."""
    sizes = {"d_model": 16, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "vocab_size": 50, "pad_token_id": 0}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_layers": 2, "decoder_layers": 1}
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    torch.manual_seed(0)
    transformers.WhisperModel(transformers.WhisperConfig(**sizes | heads | tokens | changed)).save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", name="save_wav_encoder")
def save_wav_encoder_fixture() -> Callable[..., Path]:
    return save_wav_encoder


@pytest.fixture(scope="session", name="save_whisper")
def save_whisper_fixture() -> Callable[..., Path]:
    return save_whisper


@pytest.fixture(scope="session", name="noise")
def noise_fixture() -> Callable[[int, float], NDArray[np.float32]]:
    return noise


@pytest.fixture(scope="session")
def small_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="session")
def small_wavlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wav_encoder(tmp_path_factory.mktemp("wavlm"), "wavlm")
