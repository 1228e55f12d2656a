import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head


@pytest.fixture
def folder(tmp_path: Path, head: Head, config: ClassifierConfig) -> Path:
    save_classifier(tmp_path / "classifier", head, config)
    return tmp_path / "classifier"


def test_a_classifier_comes_back_bit_for_bit(folder: Path, head: Head, config: ClassifierConfig) -> None:
    loaded, loaded_config = load_classifier(folder)
    assert loaded_config == config
    assert loaded.state_dict().keys() == head.state_dict().keys()
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in head.state_dict().items())


def test_its_answers_are_the_same(folder: Path, head: Head) -> None:
    heard = Frames.of_means(torch.randn(4, 3, 5))
    assert torch.equal(load_classifier(folder)[0](heard), head(heard))


def test_it_is_loaded_ready_to_predict(folder: Path) -> None:
    assert not load_classifier(folder)[0].training


def test_the_folder_holds_json_and_safetensors_and_nothing_else(folder: Path, head: Head) -> None:
    """No pickle: the weights file is a JSON header of known length, then nothing but the tensors' bytes."""
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    content = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert header.keys() == head.state_dict().keys()
    assert len(content) - 8 - length == sum(t.numel() * t.element_size() for t in head.state_dict().values())


def test_the_same_head_gives_the_same_bytes(folder: Path, tmp_path: Path, head: Head, config: ClassifierConfig) -> None:
    save_classifier(tmp_path / "again", head, config)
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_saving_again_replaces_the_classifier(
    folder: Path, head_of: Callable[..., Head], config: ClassifierConfig
) -> None:
    other = head_of(config, seed=1)
    save_classifier(folder, other, config)
    assert torch.equal(load_classifier(folder)[0].layer_scores, other.layer_scores)


def test_a_folder_has_no_config_before_it_has_weights(tmp_path: Path, head: Head, config: ClassifierConfig) -> None:
    """So that a folder with a config is whole. A folder in the place of the weights stands for a full disk."""
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(OSError, match=r"model\.safetensors"):
        save_classifier(tmp_path, head, config)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_folder_that_is_no_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no classifier there"):
        load_classifier(tmp_path)


@pytest.mark.parametrize("left", [0, 4, 100, -1], ids=["empty", "in the length", "in the header", "in the tensors"])
def test_weights_that_are_cut_off_are_refused(folder: Path, left: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(CheckpointError, match=r"model.safetensors: does not fit config.json: "):
        load_classifier(folder)


def test_weights_of_another_shape_are_refused(
    folder: Path, tmp_path: Path, config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]
) -> None:
    save_classifier(tmp_path / "wider", head_of(config_of(dim=6)), config_of(dim=6))
    (tmp_path / "wider" / "model.safetensors").replace(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"does not fit config.json: (?s:.)*size mismatch for to_hidden"):
        load_classifier(folder)


def test_weights_without_a_tensor_are_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["mean_LD"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"does not fit config.json: (?s:.)*mean_LD"):
        load_classifier(folder)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder: Path, number: float) -> None:
    """Their draws would be rows of NaN that say `answered`."""
    weights = load_file(folder / "model.safetensors")
    weights["to_logits.bias"][0] = number
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"safetensors: to_logits.bias of .* not finite.*Train the class"):
        load_classifier(folder)
