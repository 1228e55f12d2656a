"""A classifier with a fine-tuned encoder of its own, in a folder that can be moved."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tasks.contracts.errors import CheckpointError
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.networks.config import ClassifierConfig, check_encoder, read_config
from tasks.networks.folder import load_classifier, own_encoder, save_classifier
from tasks.networks.head import Head


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    """An encoder's folder; what is in it is not looked at here."""
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned" / "config.json").write_text("{}")
    (tmp_path / "tuned" / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "tuned"


@pytest.fixture
def config(config_of: Callable[..., ClassifierConfig]) -> ClassifierConfig:
    """Of a classifier whose encoder had been a pretrained one before."""
    encoder = HuggingFaceSettings(
        model="microsoft/wavlm-base-plus", revision="4c66d4806a428f2e922ccfa1a962776e232d487b"
    )
    return config_of(encoder=encoder, encoder_identity=encoder.identity())


@pytest.fixture
def classifier(tmp_path: Path, tuned: Path, config: ClassifierConfig, head: Head) -> Path:
    save_classifier(tmp_path / "classifier", head, config, tuned)
    return tmp_path / "classifier"


def test_the_encoder_lies_in_the_folder_and_is_the_classifiers(classifier: Path, tuned: Path) -> None:
    found = read_config(classifier)
    assert (classifier / "encoder" / "model.safetensors").read_bytes() == b"weights"
    assert found.encoder == HuggingFaceSettings(model=str(classifier / "encoder"))
    assert found.encoder.identity() == HuggingFaceSettings(model=str(tuned)).identity()
    check_encoder(found, classifier)


def test_the_folder_may_be_moved_as_a_whole(classifier: Path, tuned: Path, tmp_path: Path, head: Head) -> None:
    before = read_config(classifier).encoder.identity()
    shutil.rmtree(tuned)
    moved = shutil.move(classifier, tmp_path / "elsewhere" / "moved")
    found_head, found = load_classifier(Path(moved))
    check_encoder(found, Path(moved))
    assert found.encoder.identity() == before
    assert found.encoder.model_dump()["model"] == str(tmp_path / "elsewhere" / "moved" / "encoder")
    assert torch.equal(found_head.to_hidden.weight, head.to_hidden.weight)


def test_a_folder_given_relative_to_where_one_works_is_the_same(
    classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(classifier.parent)
    found = read_config(Path("classifier"))
    check_encoder(found, Path("classifier"))
    assert own_encoder(Path("classifier"), found) == classifier / "encoder"


def test_a_student_carries_the_encoder_on(classifier: Path, tmp_path: Path) -> None:
    head, config = load_classifier(classifier)
    save_classifier(tmp_path / "student", head, config, own_encoder(classifier, config))
    shutil.rmtree(classifier)
    found = read_config(tmp_path / "student")
    check_encoder(found, tmp_path / "student")
    assert own_encoder(tmp_path / "student", found) == tmp_path / "student" / "encoder"


def test_an_encoder_that_lies_elsewhere_is_not_the_classifiers_own(
    config_of: Callable[..., ClassifierConfig], tuned: Path, tmp_path: Path
) -> None:
    encoder = HuggingFaceSettings(model=str(tuned))
    assert own_encoder(tmp_path / "classifier", config_of(encoder=encoder)) is None
    assert own_encoder(tmp_path / "classifier", config_of()) is None


def test_saving_again_replaces_the_encoder(classifier: Path, tuned: Path, config: ClassifierConfig, head: Head) -> None:
    (tuned / "model.safetensors").write_bytes(b"other weights")
    (tuned / "more.json").write_text("{}")
    save_classifier(classifier, head, config, tuned)
    assert sorted(file.name for file in (classifier / "encoder").iterdir()) == [
        "config.json",
        "model.safetensors",
        "more.json",
    ]
    assert (classifier / "encoder" / "model.safetensors").read_bytes() == b"other weights"
    assert sorted(file.name for file in classifier.iterdir()) == ["config.json", "encoder", "model.safetensors"]
    check_encoder(read_config(classifier), classifier)


def test_an_encoder_that_is_in_place_already_stays_there(classifier: Path) -> None:
    head, config = load_classifier(classifier)
    save_classifier(classifier, head, config, own_encoder(classifier, config))
    assert (classifier / "encoder" / "model.safetensors").read_bytes() == b"weights"
    check_encoder(read_config(classifier), classifier)


def test_training_again_into_the_same_file_does_not_reach_a_copy(classifier: Path, tuned: Path) -> None:
    """A hard link would be changed with it."""
    with (tuned / "model.safetensors").open("r+b") as file:
        file.write(b"WEIGHTS")
    check_encoder(read_config(classifier), classifier)


def test_an_encoder_that_was_changed_is_told(classifier: Path) -> None:
    (classifier / "encoder" / "model.safetensors").write_bytes(b"changed")
    with pytest.raises(CheckpointError, match="another version of its encoder"):
        check_encoder(read_config(classifier), classifier)


def test_an_encoder_that_has_gone_is_told_by_its_place(classifier: Path) -> None:
    shutil.rmtree(classifier / "encoder")
    with pytest.raises(CheckpointError, match=r"classifier/encoder: no pretrained encoder there"):
        check_encoder(read_config(classifier), classifier)
