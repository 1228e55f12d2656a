"""CLAP as an encoder: transformers' own vectors, without its chance, one by one or together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
import transformers
from numpy.typing import NDArray
from pydantic import ValidationError

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Live
from tasks.encoders.clap import ClapSettings
from tasks.encoders.clap_model import _middle_of_each_third
from tasks.encoders.clap_text import ClapTexts
from tasks.encoders.features import features_of
from tasks.maths.zero_shot import zero_shot_probs
from tasks.storage.files import sha256_of_json
from tests.encoders.clap_models import save_clap
from tests.encoders.recordings import record

Noise = Callable[[int, float], NDArray[np.float32]]
EMOTIONS = ["angry", "happy", "neutral", "sad"]


@pytest.fixture(scope="module", params=[False, True], ids=["unfused", "fused"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clap(tmp_path_factory.mktemp("clap"), fused=request.param)


@pytest.fixture(scope="module")
def unfused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clap(tmp_path_factory.mktemp("clap"))


def heard(folder: Path, waves: list[NDArray[np.float32]], audio_repeats: int = 1) -> NDArray[np.float32]:
    encoder = ClapSettings(model=str(folder), audio_repeats=audio_repeats).build("cpu")
    with torch.inference_mode():
        return encoder.hear(waves).values_BLTD[:, 0, 0].numpy()


def by_transformers(folder: Path, wave_48khz: NDArray[np.float32]) -> NDArray[np.float32]:
    """One clip that fits the window, so that the extractor leaves nothing to chance."""
    extractor = transformers.ClapFeatureExtractor.from_pretrained(folder)
    inputs = extractor(wave_48khz, sampling_rate=48_000, return_tensors="pt")
    with torch.inference_mode():
        return (
            transformers.ClapModel.from_pretrained(folder).eval().get_audio_features(**inputs).pooler_output[0].numpy()
        )


@pytest.mark.parametrize("duration_s", [0.3, 1.0])
@pytest.mark.parametrize("prompt", ["{}", "this person sounds {}."])
def test_probabilities_are_those_of_transformers_own_zero_shot_pipeline(
    folder: Path, noise: Noise, duration_s: float, prompt: str
) -> None:
    wave = noise(1, duration_s)
    pipeline = transformers.pipeline("zero-shot-audio-classification", model=str(folder))
    given = soxr.resample(wave, 16_000, 48_000)
    theirs = {
        row["label"]: row["score"] for row in pipeline(given, candidate_labels=EMOTIONS, hypothesis_template=prompt)
    }
    texts = ClapTexts(ClapSettings(model=str(folder)), "cpu")
    ours = zero_shot_probs(heard(folder, [wave]), texts.embed([prompt.format(e) for e in EMOTIONS]), texts.scale)[0]
    assert max(ours) - min(ours) > 0.05, "they would agree on anything"
    np.testing.assert_allclose(ours, [theirs[emotion] for emotion in EMOTIONS], atol=1e-5)


def test_a_clips_vector_does_not_depend_on_its_batch(folder: Path, noise: Noise) -> None:
    waves = [noise(n, duration_s) for n, duration_s in enumerate((0.2, 2.5, 1.0, 0.7))]
    alone = np.concatenate([heard(folder, [wave]) for wave in waves])
    np.testing.assert_allclose(heard(folder, waves), alone, atol=1e-6)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_more_clips_than_go_through_at_once_keep_their_order(unfused: Path, noise: Noise) -> None:
    waves = [noise(n, 0.2) for n in range(19)]
    np.testing.assert_allclose(
        heard(unfused, waves)[[0, 16, 18]], heard(unfused, [waves[n] for n in (0, 16, 18)]), atol=1e-6
    )


def test_a_long_clip_is_heard_the_same_each_time(folder: Path, noise: Noise) -> None:
    first, again = heard(folder, [noise(3, 3.7)]), heard(folder, [noise(3, 3.7)])
    np.testing.assert_array_equal(first, again)


def test_of_a_long_clip_the_middle_window_is_heard(unfused: Path, noise: Noise) -> None:
    wave = soxr.resample(noise(3, 3.0), 16_000, 48_000)
    np.testing.assert_allclose(
        heard(unfused, [noise(3, 3.0)])[0], by_transformers(unfused, wave[48_000:96_000]), atol=1e-6
    )


def test_repeats_tile_the_clip_before_the_cut(unfused: Path, noise: Noise) -> None:
    tiled = np.tile(soxr.resample(noise(4, 0.4), 16_000, 48_000), 3)
    middle = (len(tiled) - 48_000) // 2
    expected = by_transformers(unfused, tiled[middle : middle + 48_000])
    np.testing.assert_allclose(heard(unfused, [noise(4, 0.4)], audio_repeats=3)[0], expected, atol=1e-6)


def test_fusion_takes_the_middle_of_the_front_the_middle_and_the_back() -> None:
    """Twelve frames and windows of three: starts 0 to 9 in thirds 0-3, 4-6, 7-9, of which the middles are 2, 5, 8."""
    mel = np.arange(12.0)[:, None] * np.ones((1, 4))
    fused = _middle_of_each_third(mel, total_frames=12, chunk_frames=3)
    assert fused.shape == (4, 3, 4)
    assert fused[1:, 0, 0].tolist() == [2.0, 5.0, 8.0]
    np.testing.assert_allclose(fused[0, :, 0], [1.5, 5.5, 9.5])  # the whole, shrunk to a window


def test_it_has_one_layer_as_wide_as_the_shared_space(unfused: Path) -> None:
    encoder = ClapSettings(model=str(unfused)).build("cpu")
    assert (encoder.n_layers, encoder.dim) == (1, 12)
    assert encoder.hear([]).values_BLTD.shape == (0, 1, 1, 12)


def test_vectors_are_kept_once_for_each_number_of_repeats(unfused: Path, tmp_path: Path) -> None:
    files = [record(tmp_path / "a.wav", 0.4), record(tmp_path / "bb.wav", 0.6)]
    for repeats in (1, 2):
        features_of(files, ClapSettings(model=str(unfused), audio_repeats=repeats), tmp_path / "features", device="cpu")
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "features").rglob("*") if path.is_file()}
    assert len({path.parent for path in stored}) == 2
    features_of(files, ClapSettings(model=str(unfused)), tmp_path / "features", device="no such device")
    assert stored == {path: path.stat().st_mtime_ns for path in (tmp_path / "features").rglob("*") if path.is_file()}


def test_identity_is_of_the_content_and_the_repeats(unfused: Path, tmp_path: Path) -> None:
    def digest(folder: Path, **more: int) -> str:
        return sha256_of_json(ClapSettings(model=str(folder), **more).identity())

    moved = shutil.copytree(unfused, tmp_path / "moved")
    assert digest(moved) == digest(unfused)
    assert digest(unfused, audio_repeats=2) != digest(unfused)
    (moved / "merges.txt").write_text("a b")  # of some tokenizers: it decides what the texts are
    assert digest(moved) != digest(unfused)


def test_a_name_on_the_hub_needs_its_revision() -> None:
    with pytest.raises(ValidationError, match='"org/clap" is a name on the hub and needs `revision`'):
        ClapSettings(model="org/clap")


def test_dropout_in_it_is_refused(unfused: Path, noise: Noise) -> None:
    live = Live(torch.zeros(1, dtype=torch.int64), (0, 1), 0)
    with pytest.raises(CheckpointError, match="CLAP is heard without dropout"):
        ClapSettings(model=str(unfused)).build("cpu").hear([noise(1, 0.3)], live=live)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no CLAP there \(config.json is missing\)"):
        ClapSettings(model=str(tmp_path / "none")).identity()


def test_another_model_is_refused(small_wavlm: Path, unfused: Path, tmp_path: Path) -> None:
    mixed = shutil.copytree(small_wavlm, tmp_path / "mixed")
    with pytest.raises(CheckpointError, match="Wav2Vec2FeatureExtractor; CLAP needs a ClapFeatureExtractor"):
        ClapSettings(model=str(mixed)).build("cpu")
    shutil.copy(unfused / "preprocessor_config.json", mixed)
    with pytest.raises(CheckpointError, match="type wavlm has no get_audio_features and no get_text_features"):
        ClapSettings(model=str(mixed)).build("cpu")


def test_missing_weights_are_refused(unfused: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(unfused, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    del weights["text_projection.linear1.weight"]
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r'1 weights are missing, such as "text_projection\.linear1\.weight"'):
        ClapSettings(model=str(broken)).build("cpu")
