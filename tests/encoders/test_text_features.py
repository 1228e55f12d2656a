"""Features of transcripts: kept by what is said, and nothing where nothing is said."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from tasks.contracts.errors import CheckpointError
from tasks.encoders.batches import AudioFile
from tasks.encoders.features import Features, features_of
from tasks.encoders.storing import feature_store
from tasks.encoders.text import TextSettings, text_key
from tasks.storage.feature_shards import Shard
from tests.encoders.text_models import save_text_model


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TextSettings:
    return TextSettings(model=str(save_text_model(tmp_path_factory.mktemp("text") / "model")))


def clip(name: str, transcript: str | None) -> AudioFile:
    """Nobody reads its audio."""
    return AudioFile(name * 64, Path(f"{name}.wav"), 1.0, transcript)


def features(settings: TextSettings, folder: Path, *transcripts: str | None) -> Features:
    return features_of([clip(chr(97 + n), each) for n, each in enumerate(transcripts)], settings, folder, device="cpu")


def test_rows_are_what_the_encoder_reads_in_the_order_of_the_clips(settings: TextSettings, tmp_path: Path) -> None:
    found = features(settings, tmp_path, "no", "yes please", "no way")
    heard = found.rows([2, 0])
    expected, _ = settings.build("cpu").read(["no way", "no"])
    np.testing.assert_array_equal(heard.means_BLD().numpy(), expected)
    assert heard.n_frames_B.tolist() == [1, 1]
    assert (found.n_layers, found.dim) == (3, 16)


def test_a_clip_without_a_transcript_has_no_frames_and_zeros(settings: TextSettings, tmp_path: Path) -> None:
    heard = features(settings, tmp_path, None, "yes", "  ").rows([0, 1, 2])
    assert heard.n_frames_B.tolist() == [0, 1, 0]
    assert heard.values_BLTD.abs().sum(dim=(1, 2, 3)).bool().tolist() == [False, True, False]


def test_where_nothing_is_said_the_model_is_asked_for_its_shape_alone(tmp_path: Path) -> None:
    """Its weights are not even there."""
    folder = save_text_model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    found = features(TextSettings(model=str(folder)), tmp_path / "features", None, None)
    assert (found.n_layers, found.dim) == (3, 16)
    assert found.rows([0, 1]).values_BLTD.shape == (2, 3, 1, 16)


def test_a_text_is_kept_once_whoever_says_it(settings: TextSettings, tmp_path: Path) -> None:
    """Two spellings of one text in Unicode, and space around it, are one."""
    features(settings, tmp_path, "caf\u00e9", " cafe\u0301\n")
    assert feature_store(settings, tmp_path).known() == {text_key("caf\u00e9")}


def test_only_what_is_new_is_read(settings: TextSettings, tmp_path: Path) -> None:
    features(settings, tmp_path, "yes", "no")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.arrow")}
    features(settings, tmp_path, "no", "yes")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.arrow")} == before
    features(settings, tmp_path, "no", "perhaps")
    (new,) = set(tmp_path.rglob("*.arrow")) - set(before)
    assert [key for key, _ in Shard(new).index()] == [text_key("perhaps")]


def test_it_says_how_many_transcripts_are_cut(
    settings: TextSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features(settings, tmp_path, "x" * 80, "yes")
    assert "1 of 2 transcripts are longer than the 64 tokens that model reads" in capsys.readouterr().err


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    folder = save_text_model(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="the text encoder gives numbers that are not finite"):
        features(TextSettings(model=str(folder)), tmp_path, "yes")
