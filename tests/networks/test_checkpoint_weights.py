"""Where a transformers checkpoint's weights are found, and which are refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tasks.contracts.errors import CheckpointError
from tasks.networks.folder import load_classifier
from tests.networks.audio_classifiers import save_audio_classifier


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_audio_classifier(tmp_path / "hubert", "hubert")


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_classifier(folder)[0].state_dict()


def pickle_weights(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def split_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    part_of = {name: f"model-{n % 2}.safetensors" for n, name in enumerate(weights)}
    for part in set(part_of.values()):
        save_file({name: weights[name] for name in weights if part_of[name] == part}, folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": part_of}))
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize("change", [pickle_weights, split_weights], ids=["pickled", "in parts"])
def test_weights_that_lie_otherwise_are_the_same(folder: Path, tmp_path: Path, change: object) -> None:
    shutil.copytree(folder, tmp_path / "other")
    change(tmp_path / "other")  # type: ignore[operator]
    expected, found = weights_of(folder), weights_of(tmp_path / "other")
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_half_precision_is_learnt_on_in_full(folder: Path) -> None:
    expected = weights_of(folder)
    save_file({k: v.half() for k, v in load_file(folder / "model.safetensors").items()}, folder / "model.safetensors")
    for name, tensor in weights_of(folder).items():
        torch.testing.assert_close(tensor, expected[name], atol=2e-3, rtol=0)  # checks that both are float32


def test_a_pickle_that_would_run_code_is_refused_and_not_run(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"projector.weight": Trap(tmp_path / "ran")}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model.bin: pickled weights.*save_pretrained then writes model"):
        load_classifier(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"no pickle at all"])
def test_a_file_that_is_no_pickle_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"pytorch_model.bin: pickled weights.* or a damaged file"):
        load_classifier(folder)


def test_a_checkpoint_without_weights_is_told(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"hubert: no weights there \(expected model.safetensors\)"):
        load_classifier(folder)


@pytest.mark.parametrize("change", [lambda folder: None, pickle_weights, split_weights], ids=["", "pickled", "parts"])
def test_a_head_that_is_not_in_the_weights_is_named(folder: Path, change: object) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors")
    change(folder)  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=r"classifier\.weight of the classifier's head cannot be read"):
        load_classifier(folder)


def test_weights_that_are_cut_off_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"model.safetensors: projector.weight .* Expected a whole checkpoint"):
        load_classifier(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"classifier_proj_size": 7}))
    with pytest.raises(CheckpointError, match=r"does not fit config.json: (?s:.)*size mismatch for to_hidden"):
        load_classifier(folder)


@pytest.mark.parametrize("index", ["{", "{}", "[]"])
def test_an_index_of_parts_that_says_nothing_is_refused(folder: Path, index: str) -> None:
    split_weights(folder)
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match=r"index.json: does not say which file .* Expected a whole checkpoint"):
        load_classifier(folder)
