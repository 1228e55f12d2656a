"""A student in a folder of its own."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
import torch

from tasks.contracts.errors import CheckpointError
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.networks.config import ClassifierConfig, read_config
from tasks.networks.export import appearing, export_student
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head
from tests.networks.audio_classifiers import save_audio_classifier

WAVE = np.random.default_rng(0).normal(scale=0.1, size=16_000).astype(np.float32)


def save_student(folder: Path, encoder_folder: Path) -> Path:
    """On an encoder that lies elsewhere."""
    encoder = HuggingFaceSettings(model=str(save_audio_classifier(encoder_folder, "hubert")))
    sizes = {"n_layers": 3, "dim": 16, "hidden": 8}
    config = ClassifierConfig(classes=["a", "b"], encoder=encoder, encoder_identity=encoder.identity(), **sizes)
    torch.manual_seed(0)
    save_classifier(folder, Head(config), config)
    return folder


@torch.inference_mode()
def logits_of(folder: Path) -> torch.Tensor:
    head, config = load_classifier(folder)
    return head(config.encoder.build("cpu").hear([WAVE]))


def test_an_export_answers_the_same_after_the_encoder_and_the_student_have_gone(tmp_path: Path) -> None:
    student = save_student(tmp_path / "student", tmp_path / "encoder")
    expected = logits_of(student)
    export_student(student, tmp_path / "made")
    rmtree(student)
    rmtree(tmp_path / "encoder")
    torch.testing.assert_close(logits_of(tmp_path / "made"), expected)


def test_an_export_can_be_moved(tmp_path: Path) -> None:
    expected = logits_of(save_student(tmp_path / "student", tmp_path / "encoder"))
    export_student(tmp_path / "student", tmp_path / "made")
    (tmp_path / "made").rename(tmp_path / "moved")
    torch.testing.assert_close(logits_of(tmp_path / "moved"), expected)


def test_nothing_of_this_machine_is_in_its_config(tmp_path: Path) -> None:
    export_student(save_student(tmp_path / "student", tmp_path / "encoder"), tmp_path / "made")
    assert str(tmp_path) not in (tmp_path / "made" / "config.json").read_text()


def test_an_encoder_of_the_hub_is_named_not_copied(tmp_path: Path) -> None:
    encoder = {"kind": "huggingface", "model": "org/wavlm", "revision": "1a2b"}
    sizes = {"n_layers": 3, "dim": 16, "hidden": 8}
    config = ClassifierConfig(classes=["a", "b"], encoder=encoder, encoder_identity={}, **sizes)
    save_classifier(tmp_path / "student", Head(config), config)
    exported = export_student(tmp_path / "student", tmp_path / "made")
    assert exported == read_config(tmp_path / "student")
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"config.json", "model.safetensors"}


def test_a_student_without_weights_elsewhere_is_two_files(
    tmp_path: Path, config_of: Callable[..., ClassifierConfig], head_of: Callable[..., Head]
) -> None:
    config = config_of()
    save_classifier(tmp_path / "student", head_of(config), config)
    assert export_student(tmp_path / "student", tmp_path / "made") == config
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"config.json", "model.safetensors"}


def test_a_student_whose_encoder_has_gone_is_refused(tmp_path: Path) -> None:
    student = save_student(tmp_path / "student", tmp_path / "encoder")
    rmtree(tmp_path / "encoder")
    with pytest.raises(CheckpointError, match=r"/encoder: the student's encoder is gone\. Bring this folder back"):
        export_student(student, tmp_path / "made")


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with appearing(tmp_path / "below" / "made") as folder:
        (folder / "file").write_text("content")
        assert not (tmp_path / "below" / "made").exists()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == [
        "below",
        "below/made",
        "below/made/file",
    ]


def test_after_an_error_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), appearing(tmp_path / "made") as folder:
        (folder / "nowhere" / "file").write_text("content")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    with appearing(tmp_path / "made") as folder:
        (folder / "file").write_text("content")
    assert (tmp_path / "made" / "file").read_text() == "content"


@pytest.mark.parametrize("is_file", [True, False])
def test_what_is_there_is_not_written_over(tmp_path: Path, is_file: bool) -> None:
    there = tmp_path / "made"
    (there if is_file else there / "file").parent.mkdir(exist_ok=True)
    (there if is_file else there / "file").write_text("old")
    with pytest.raises(CheckpointError, match=r"made: there is something already\. Give a new folder"):
        appearing(there).__enter__()
