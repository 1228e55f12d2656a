import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import pytest

from tasks.contracts.errors import CheckpointError
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.networks.config import ClassifierConfig, check_classes, check_encoder, read_config


def write(folder: Path, content: str) -> Path:
    """A folder with this config beside some weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(content, encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"not looked at here")
    return folder


def test_a_config_is_read_as_it_was_written(tmp_path: Path, config: ClassifierConfig) -> None:
    assert read_config(write(tmp_path, json.dumps(config.model_dump(mode="json")))) == config


def test_a_pretrained_encoder_comes_back_with_its_path(
    tmp_path: Path, config_of: Callable[..., ClassifierConfig]
) -> None:
    encoder = {"kind": "huggingface", "model": str(tmp_path / "wavlm"), "revision": None}
    found = read_config(write(tmp_path / "c", json.dumps(config_of(encoder=encoder).model_dump(mode="json"))))
    assert found.encoder.model_dump().items() >= encoder.items()


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_both_files_is_no_classifier(tmp_path: Path, config: ClassifierConfig, missing: str) -> None:
    (write(tmp_path, config.model_dump_json()) / missing).unlink()
    with pytest.raises(CheckpointError, match=r"no classifier there \(expected config.json and .*train-source"):
        read_config(tmp_path)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere: no classifier there"):
        read_config(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "Expecting property name"),
        ("[]", "ClassifierConfig"),
        ('{"classes": ["a", "b"]}', "encoder"),
    ],
    ids=["cut off", "no mapping", "keys missing"],
)
def test_a_config_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(CheckpointError, match=f"config.json: not a classifier that this version.*(?s:.)*{told}"):
        read_config(write(tmp_path, content))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"format": "mifuse-classifier-2"}, "mifuse-classifier-1"),
        ({"depth": 3}, "Extra inputs are not permitted"),
        ({"encoder": {"kind": "mfcc"}}, "mfcc"),
        ({"dropout": 0.0}, "greater than 0"),
        ({"dropout": 1.0}, "less than 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_config_with_another_content_is_refused(
    tmp_path: Path, config: ClassifierConfig, changed: dict[str, Any], told: str
) -> None:
    content = json.dumps(config.model_dump(mode="json") | changed)
    with pytest.raises(CheckpointError, match=rf"config.json: not a classifier(?s:.)*{told}"):
        read_config(write(tmp_path, content))


def test_without_dropout_no_classifier_can_be_made(config_of: Callable[..., ClassifierConfig]) -> None:
    """All draws would be equal, and MI would read as full trust."""
    with pytest.raises(pydantic.ValidationError, match="dropout"):
        config_of(dropout=0)


def test_classes_in_another_order_are_the_same_classes(config: ClassifierConfig) -> None:
    check_classes(config, ["sad", "neutral", "happy", "angry"], Path("source"))


@pytest.mark.parametrize("classes", [["angry", "happy", "neutral"], ["angry", "happy", "neutral", "sad", "fear"]])
def test_other_classes_are_refused_and_both_lists_shown(config: ClassifierConfig, classes: list[str]) -> None:
    told = (
        rf"source: the classifier's classes are angry, happy, neutral, sad; the pipeline's are {', '.join(classes)}\."
    )
    with pytest.raises(CheckpointError, match=told):
        check_classes(config, classes, Path("source"))


def test_the_encoder_that_the_head_was_trained_on_is_accepted(config: ClassifierConfig) -> None:
    check_encoder(config, Path("source"))


def test_another_version_of_the_encoder_is_refused(config_of: Callable[..., ClassifierConfig]) -> None:
    config = config_of(encoder_identity={"kind": "logmel", "code_version": 0})
    with pytest.raises(CheckpointError, match=r"source: the head was trained on another version.*logmel.*train the"):
        check_encoder(config, Path("source"))


def test_an_encoder_whose_folder_is_gone_is_told_by_its_path(
    tmp_path: Path, config_of: Callable[..., ClassifierConfig]
) -> None:
    config = config_of(encoder={"kind": "huggingface", "model": str(tmp_path / "moved")})
    with pytest.raises(CheckpointError, match=r"moved: no pretrained encoder there"):
        check_encoder(config, tmp_path)


def test_reading_a_config_does_not_import_torch() -> None:
    code = "import sys, tasks.networks.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


NEW = ("beside", "pooling", "frames", "layers", "activation", "groups", "shares", "places")


def test_a_classifier_of_the_last_version_still_loads(tmp_path: Path, config: ClassifierConfig) -> None:
    """It knew neither pooling nor groups."""
    content = {key: value for key, value in config.model_dump(mode="json").items() if key not in NEW}
    assert len(content) == 8
    assert read_config(write(tmp_path, json.dumps(content))) == config


def test_an_encoder_of_the_last_version_is_the_same_encoder(
    tmp_path: Path, config_of: Callable[..., ClassifierConfig]
) -> None:
    """Its identity did not name the precision yet, which was float32."""
    write(tmp_path / "wavlm", "{}")
    encoder = HuggingFaceSettings(model=str(tmp_path / "wavlm"))
    known = {name: value for name, value in encoder.identity().items() if name != "precision"}
    check_encoder(config_of(encoder=encoder, encoder_identity=known), tmp_path)
    in_half = encoder.model_copy(update={"precision": "float16"})
    with pytest.raises(CheckpointError, match="another version of its encoder"):
        check_encoder(config_of(encoder=in_half, encoder_identity=known), tmp_path)


def test_a_dropout_rate_takes_the_place_of_the_folders(tmp_path: Path, config: ClassifierConfig) -> None:
    folder = write(tmp_path, config.model_dump_json())
    assert read_config(folder, dropout_rate=0.45) == config.model_copy(update={"dropout": 0.45})


@pytest.mark.parametrize("groups", [[0, 1, 2], [0, 1, 2, 4], [0, 1, 2, 3, 4], [None, None]])
def test_outputs_that_do_not_cover_the_classes_are_refused(
    tmp_path: Path, config: ClassifierConfig, groups: list[int | None]
) -> None:
    content = json.dumps(config.model_dump(mode="json") | {"groups": groups})
    with pytest.raises(CheckpointError, match=r"config.json: not a classifier(?s:.)*do not name each of 4 classes"):
        read_config(write(tmp_path, content))
