"""WavLM, HuBERT, wav2vec 2.0 and data2vec-audio from small random weights: a row knows nothing of its batch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Encoder
from tasks.encoders.huggingface import HuggingFaceSettings

MODEL_TYPES = ["wavlm", "hubert", "wav2vec2", "data2vec-audio"]


def noise(seed: int, duration_s: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (rng.normal(scale=0.1, size=int(16_000 * duration_s)) + 0.05 * seed).astype(np.float32)


@pytest.fixture(scope="module", params=MODEL_TYPES)
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, save_wav_encoder: Callable[..., Path]
) -> Path:
    return save_wav_encoder(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return HuggingFaceSettings(model=str(folder)).build("cpu")


def test_a_clip_has_one_row_per_layer_and_one_for_what_goes_into_the_first(encoder: Encoder) -> None:
    rows_NLD = encoder.encode([noise(1, 0.5), noise(2, 0.3)])
    assert rows_NLD.shape == (2, encoder.n_layers, encoder.dim) == (2, 3, 16)
    assert (rows_NLD.dtype, rows_NLD.device.type) == (torch.float32, "cpu")


def test_a_row_is_the_mean_over_time_of_the_models_hidden_states(encoder: Encoder, folder: Path) -> None:
    wave = noise(3, 0.4)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    heard = extractor(wave, sampling_rate=16_000, return_tensors="pt").input_values
    with torch.no_grad():
        hidden = model(heard, output_hidden_states=True).hidden_states
    expected_LD = [layer[0].double().numpy().mean(axis=0) for layer in hidden]
    np.testing.assert_allclose(encoder.encode([wave])[0].numpy(), expected_LD, atol=1e-5)


def test_a_clips_features_do_not_depend_on_its_batch(encoder: Encoder) -> None:
    """Group norm and normalisation over time would see the padding of a padded batch."""
    waves = [noise(1, 0.4), noise(2, 2.0), noise(3, 0.15), noise(4, 0.9)]
    together_NLD = encoder.encode(waves)
    alone_NLD = torch.cat([encoder.encode([wave]) for wave in reversed(waves)]).flip(0)
    torch.testing.assert_close(together_NLD, alone_NLD, atol=1e-6, rtol=0)


def test_different_clips_have_different_features(encoder: Encoder) -> None:
    rows_NLD = encoder.encode([noise(1, 0.5), noise(2, 0.5)])
    assert ((rows_NLD[0] - rows_NLD[1]).abs().amax(dim=-1) > 1e-3).all()


def test_neither_dropout_nor_layer_drop_nor_spec_augment_is_live(encoder: Encoder) -> None:
    torch.manual_seed(1)
    first = encoder.encode([noise(1, 0.5)])
    assert torch.equal(encoder.encode([noise(1, 0.5)]), first)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_features(encoder: Encoder, folder: Path) -> None:
    waves = [noise(1, 0.5), noise(2, 0.3)]
    on_gpu = HuggingFaceSettings(model=str(folder)).build("cuda").encode(waves)
    torch.testing.assert_close(on_gpu, encoder.encode(waves), atol=1e-3, rtol=1e-3)


def test_half_precision_weights_work_in_single_precision(small_wavlm: Path, tmp_path: Path) -> None:
    model = transformers.AutoModel.from_pretrained(small_wavlm, dtype=torch.float16)
    model.save_pretrained(tmp_path / "half")
    model.float().save_pretrained(tmp_path / "single")
    for name in ("half", "single"):
        transformers.AutoFeatureExtractor.from_pretrained(small_wavlm).save_pretrained(tmp_path / name)
    half, single = (HuggingFaceSettings(model=str(tmp_path / name)).build("cpu") for name in ("half", "single"))
    assert torch.equal(half.encode([noise(1, 0.5)]), single.encode([noise(1, 0.5)]))


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


@pytest.mark.parametrize("missing", ["preprocessor_config.json", "model.safetensors"])
def test_a_folder_with_a_file_missing_is_refused(small_wavlm: Path, tmp_path: Path, missing: str) -> None:
    folder = copy_of(small_wavlm, tmp_path / "part")
    (folder / missing).unlink()
    with pytest.raises(CheckpointError, match=r"part: cannot be loaded as a speech encoder: "):
        HuggingFaceSettings(model=str(folder)).build("cpu")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_folder_with_a_file_cut_off_is_refused(small_wavlm: Path, tmp_path: Path, file: str) -> None:
    """As after a download that was interrupted."""
    folder = copy_of(small_wavlm, tmp_path / "cut")
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=r"cut: cannot be loaded as a speech encoder: "):
        HuggingFaceSettings(model=str(folder)).build("cpu")


def test_weights_of_another_shape_are_refused(small_wavlm: Path, tmp_path: Path) -> None:
    folder = copy_of(small_wavlm, tmp_path / "wide")
    config = (folder / "config.json").read_text().replace('"hidden_size": 16', '"hidden_size": 32')
    (folder / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=r"wide: cannot be loaded as a speech encoder: "):
        HuggingFaceSettings(model=str(folder)).build("cpu")


def test_an_encoder_that_hears_spectrograms_and_is_not_whisper_is_refused(tmp_path: Path) -> None:
    layers = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    config = transformers.Wav2Vec2BertConfig(**layers, feature_projection_input_dim=160)
    transformers.Wav2Vec2BertModel(config).save_pretrained(tmp_path)
    transformers.SeamlessM4TFeatureExtractor().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"wav2vec2-bert"):
        HuggingFaceSettings(model=str(tmp_path)).build("cpu")


def test_a_hub_name_that_cannot_be_reached_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_HUB_OFFLINE=1 sets; without it, the hub's client would try for half a minute."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match=r"nobody/no-such-encoder: cannot be loaded as a speech encoder: "):
        HuggingFaceSettings(model="nobody/no-such-encoder", revision="abc").build("cpu")
