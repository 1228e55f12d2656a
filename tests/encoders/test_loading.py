"""Checkpoints that are whole load; every other one is refused with what to do."""

import json
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from tasks.contracts.errors import CheckpointError
from tasks.encoders.huggingface import HuggingFaceSettings
from tests.networks.audio_classifiers import save_audio_classifier


@pytest.fixture
def folder(small_wavlm: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small_wavlm, tmp_path / "mine")


def build(folder: Path, **given: Any) -> object:
    return HuggingFaceSettings.model_validate({"model": str(folder), **given}).build("cpu")


def refused(folder: Path, match: str, **given: Any) -> None:
    with pytest.raises(CheckpointError, match=match):
        build(folder, **given)


def edit(file: Path, **changed: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused(folder, r"mine: cannot be loaded as a speech encoder: .*model\.safetensors")


def test_a_folder_without_a_feature_extractor_is_told_which_file_to_copy(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    refused(
        folder, r"mine: its feature extractor cannot be read \(preprocessor_config\.json is missing.*Copy that file"
    )


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_folder_with_a_file_cut_off_is_refused(folder: Path, file: str) -> None:
    """As after a download that was interrupted."""
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    refused(folder, r"mine: cannot be loaded as a speech encoder: ")


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    edit(folder / "config.json", hidden_size=32)
    refused(folder, r"mine: cannot be loaded as a speech encoder: ")


def test_missing_weights_are_not_made_up(folder: Path) -> None:
    """transformers would fill them with random numbers and a warning."""
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("encoder.layers.1.feed_forward")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    refused(folder, r'4 of its weights are missing, such as "encoder\.layers\.1\.feed_forward.*would be random')


def as_pickle(folder: Path, content: Any = None) -> None:
    weights = load_file(folder / "model.safetensors") if content is None else content
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")


def test_pickled_weights_that_are_nothing_but_tensors_load(folder: Path, small_wavlm: Path) -> None:
    as_pickle(folder)
    one, other = (HuggingFaceSettings(model=str(place)).build("cpu").state_dict() for place in (folder, small_wavlm))
    assert all(torch.equal(one[name], other[name]) for name in other)


class Program:
    """Unpickling this would create a file."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._trace,)


def test_pickled_weights_that_would_run_a_program_are_refused_and_do_not_run(folder: Path, tmp_path: Path) -> None:
    as_pickle(folder, {"weight": Program(tmp_path / "trace")})
    refused(folder, r"mine: the pickled weights hold more than tensors.*Convert them where you trust them.*safetensors")
    assert not (tmp_path / "trace").exists()
    pickle.loads(pickle.dumps(Program(tmp_path / "trace")))
    assert (tmp_path / "trace").exists()  # it would have


def test_safetensors_are_preferred_to_a_pickle_beside_them(folder: Path, tmp_path: Path) -> None:
    torch.save({"weight": Program(tmp_path / "trace")}, folder / "pytorch_model.bin")
    build(folder)
    assert not (tmp_path / "trace").exists()


def test_an_extractor_of_another_rate_is_refused(folder: Path) -> None:
    edit(folder / "preprocessor_config.json", sampling_rate=8000)
    refused(folder, r"mine: preprocessor_config\.json asks for audio of 8000 Hz; mifuse hears 16000 Hz")


def test_another_familys_extractor_is_refused(folder: Path) -> None:
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    refused(folder, r"describes a WhisperFeatureExtractor, which is not for WavLM\. Copy that file")


def test_a_whisper_extractor_with_other_bands_is_refused(small_whisper: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small_whisper, tmp_path / "mine")
    transformers.WhisperFeatureExtractor(feature_size=128).save_pretrained(folder)
    refused(folder, r"makes 128 mel bands, config\.json asks for 80")


def test_a_whisper_of_other_windows_is_refused(save_whisper: Callable[..., Path], tmp_path: Path) -> None:
    refused(save_whisper(tmp_path, max_source_positions=750), r"max_source_positions is 750.*Whisper has 1500")


def test_another_kind_of_model_is_told_which_are_known(tmp_path: Path) -> None:
    layers = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    config = transformers.Wav2Vec2BertConfig(**layers, feature_projection_input_dim=160)
    transformers.Wav2Vec2BertModel(config).save_pretrained(tmp_path)
    refused(
        tmp_path,
        r"type wav2vec2-bert .*Known: WavLM, HuBERT, wav2vec 2\.0, data2vec-audio, Whisper \(model_type wavlm,",
    )


def test_an_adapter_is_refused(save_wav_encoder: Callable[..., Path], tmp_path: Path) -> None:
    refused(save_wav_encoder(tmp_path, "wavlm", add_adapter=True), r"add_adapter\) is not supported")


def test_attention_that_a_family_does_not_have_is_refused(folder: Path) -> None:
    refused(folder, r"no flash_attention_2 attention for WavLM, only eager and sdpa", attention="flash_attention_2")


def test_counted_padding_is_for_whisper(folder: Path) -> None:
    refused(folder, r"`padding: counted` is for Whisper.*WavLM hears no padding", padding="counted")


def test_a_hub_name_that_cannot_be_reached_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_HUB_OFFLINE=1 sets; without it, the hub's client would try for half a minute."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match=r"nobody/no-such-encoder: cannot be loaded as a speech encoder: "):
        HuggingFaceSettings(model="nobody/no-such-encoder", revision="abc").build("cpu")


def test_several_threads_may_load_at_once(small_wavlm: Path) -> None:
    """While it loads, transformers replaces functions for the whole process; each load must find the real ones."""
    real = transformers.PreTrainedModel.tie_weights
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: build(small_wavlm), range(12)))
    assert transformers.PreTrainedModel.tie_weights is real


def test_weights_that_an_encoder_does_not_hear_are_not_reported_as_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Of a Whisper classifier transformers tells in thirty lines that its decoder would be random."""
    folder = save_audio_classifier(tmp_path, "whisper")
    capfd.readouterr()
    build(folder, padding="counted")
    assert "MISSING" not in "".join([*capfd.readouterr(), caplog.text])
