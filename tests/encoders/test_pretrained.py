"""WavLM, HuBERT, wav2vec 2.0 and data2vec-audio from small random weights: shapes, lengths, precision, attention."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from tasks.encoders.base import Encoder
from tasks.encoders.huggingface import HuggingFaceSettings

Noise = Callable[[int, float], NDArray[np.float32]]
MODEL_TYPES = ["wavlm", "hubert", "wav2vec2", "data2vec-audio"]
SECOND = 16_000


@pytest.fixture(scope="module", params=MODEL_TYPES)
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, save_wav_encoder: Callable[..., Path]
) -> Path:
    return save_wav_encoder(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return HuggingFaceSettings(model=str(folder)).build("cpu")


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory, save_wav_encoder: Callable[..., Path]) -> Encoder:
    """Fifty frames a second, as real encoders have them: for long clips. The convolutions span 400 samples."""
    folder = tmp_path_factory.mktemp("coarse")
    save_wav_encoder(folder, "wavlm", conv_kernel=(40, 10), conv_stride=(40, 8))
    return HuggingFaceSettings(model=str(folder)).build("cpu")


def test_a_clip_has_one_row_per_layer_and_one_for_what_goes_into_the_first(encoder: Encoder, noise: Noise) -> None:
    rows_NLD = encoder.hear([noise(1, 0.5), noise(2, 0.3)]).means_BLD()
    assert rows_NLD.shape == (2, encoder.n_layers, encoder.dim) == (2, 3, 16)
    assert (rows_NLD.dtype, rows_NLD.device.type) == (torch.float32, "cpu")


def test_a_norm_after_the_last_layer_is_one_more_layer(save_wav_encoder: Callable[..., Path], tmp_path: Path) -> None:
    folder = save_wav_encoder(tmp_path, "wavlm", do_stable_layer_norm=True, feat_extract_norm="layer")
    assert HuggingFaceSettings(model=str(folder)).build("cpu").n_layers == 4


def test_different_clips_have_different_features(encoder: Encoder, noise: Noise) -> None:
    rows_NLD = encoder.hear([noise(1, 0.5), noise(2, 0.5)]).means_BLD()
    assert ((rows_NLD[0] - rows_NLD[1]).abs().amax(dim=-1) > 1e-3).all()


def test_neither_dropout_nor_layer_drop_nor_spec_augment_is_live(encoder: Encoder, noise: Noise) -> None:
    torch.manual_seed(1)
    first = encoder.hear([noise(1, 0.5)]).values_BLTD
    assert torch.equal(encoder.hear([noise(1, 0.5)]).values_BLTD, first)


@pytest.mark.parametrize("duration_s", [0.05, 0.01, 1 / SECOND])
def test_a_clip_shorter_than_the_convolutions_is_filled_up_to_one_frame(
    coarse: Encoder, noise: Noise, duration_s: float
) -> None:
    heard = coarse.hear([noise(1, duration_s)], frames=True)
    assert heard.n_frames_B.tolist() == [2 if duration_s == 0.05 else 1]
    assert heard.values_BLTD.isfinite().all()
    assert heard.values_BLTD.any()


def test_a_long_clip_is_heard_in_windows_of_30_s(coarse: Encoder, noise: Noise) -> None:
    wave = noise(0, 75.0)
    windows = [wave[: 30 * SECOND], wave[30 * SECOND : 60 * SECOND], wave[60 * SECOND :]]
    whole, parts = coarse.hear([wave], frames=True), coarse.hear(windows, frames=True)
    expected_LTD = torch.cat([parts.values_BLTD[n, :, : parts.n_frames_B[n]] for n in range(3)], dim=1)
    torch.testing.assert_close(whole.values_BLTD[0], expected_LTD, atol=2e-6, rtol=0)
    torch.testing.assert_close(coarse.hear([wave]).means_BLD()[0], expected_LTD.mean(dim=1), atol=1e-6, rtol=0)


def test_a_rest_of_a_second_stays_with_the_window_before_it(coarse: Encoder, noise: Noise) -> None:
    """31 s at once: in two windows a few frames, in which the convolutions reach from one into the other, are lost."""
    frames = [coarse.hear([noise(0, duration_s)], frames=True).n_frames_B.item() for duration_s in (31.0, 31.1)]
    assert frames == [31 * 50 - 1, 30 * 50 - 1 + 55 - 1]


def test_a_long_clip_is_the_same_among_others(coarse: Encoder, noise: Noise) -> None:
    waves = [noise(1, 0.5), noise(2, 70.0), noise(3, 2.0)]
    alone = torch.cat([coarse.hear([wave]).means_BLD() for wave in waves])
    torch.testing.assert_close(coarse.hear(waves).means_BLD(), alone, atol=1e-6, rtol=0)
    frames = coarse.hear(waves, frames=True)
    torch.testing.assert_close(frames.means_BLD(), alone, atol=2e-6, rtol=0)


@pytest.mark.parametrize(("precision", "within"), [("bfloat16", 0.1), ("float16", 0.02)])
def test_half_precision_is_near_and_its_results_are_float32(
    folder: Path, encoder: Encoder, noise: Noise, precision: str, within: float
) -> None:
    waves = [noise(1, 0.5), noise(2, 0.3)]
    half = HuggingFaceSettings.model_validate({"model": str(folder), "precision": precision}).build("cpu")
    heard, expected = half.hear(waves).means_BLD(), encoder.hear(waves).means_BLD()
    assert heard.dtype == torch.float32
    assert 0 < (heard - expected).abs().max() < within


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_every_way_to_compute_attention_gives_the_same(
    folder: Path, encoder: Encoder, noise: Noise, attention: str
) -> None:
    """WavLM's `sdpa` is ours: transformers has none for it."""
    waves = [noise(1, 0.5), noise(2, 0.3)]
    other = HuggingFaceSettings.model_validate({"model": str(folder), "attention": attention}).build("cpu")
    torch.testing.assert_close(other.hear(waves).means_BLD(), encoder.hear(waves).means_BLD(), atol=1e-6, rtol=0)


def test_gradients_flow_to_what_is_thawed_whatever_computes_attention(
    folder: Path, noise: Noise, encoder: Encoder
) -> None:
    waves, found = [noise(1, 0.5), noise(2, 0.3)], []
    for attention in ("eager", "sdpa"):
        built = HuggingFaceSettings.model_validate({"model": str(folder), "attention": attention}).build("cpu")
        parameters = built.thaw("all")
        built.hear(waves).means_BLD().square().mean().backward()
        found.append([parameter.grad for parameter in parameters])
    for one, other in zip(*found, strict=True):
        assert one is not None
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_features(encoder: Encoder, folder: Path, noise: Noise) -> None:
    waves = [noise(1, 0.5), noise(2, 0.3)]
    on_gpu = HuggingFaceSettings(model=str(folder)).build("cuda").hear(waves).means_BLD().cpu()
    torch.testing.assert_close(on_gpu, encoder.hear(waves).means_BLD(), atol=1e-3, rtol=1e-3)


def test_half_precision_weights_work_in_single_precision(small_wavlm: Path, tmp_path: Path, noise: Noise) -> None:
    model = transformers.AutoModel.from_pretrained(small_wavlm, dtype=torch.float16)
    model.save_pretrained(tmp_path / "half")
    model.float().save_pretrained(tmp_path / "single")
    for name in ("half", "single"):
        transformers.AutoFeatureExtractor.from_pretrained(small_wavlm).save_pretrained(tmp_path / name)
    half, single = (HuggingFaceSettings(model=str(tmp_path / name)).build("cpu") for name in ("half", "single"))
    assert torch.equal(half.hear([noise(1, 0.5)]).values_BLTD, single.hear([noise(1, 0.5)]).values_BLTD)


def test_a_classifiers_checkpoint_is_an_encoder(small_wavlm: Path, tmp_path: Path, noise: Noise) -> None:
    """What `AutoModelForAudioClassification` saved: the weights' names have a prefix, and there are those of a head."""
    model = transformers.AutoModelForAudioClassification.from_pretrained(small_wavlm)
    model.save_pretrained(tmp_path)
    transformers.AutoFeatureExtractor.from_pretrained(small_wavlm).save_pretrained(tmp_path)
    one, other = (HuggingFaceSettings(model=str(folder)).build("cpu") for folder in (small_wavlm, tmp_path))
    assert torch.equal(one.hear([noise(1, 0.5)]).values_BLTD, other.hear([noise(1, 0.5)]).values_BLTD)
