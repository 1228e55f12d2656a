"""What a classifier's folder says of itself in `config.json`; read without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import Settings
from tasks.encoders import EncoderSettings

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


class ClassifierConfig(Settings):
    """A frozen encoder and a head over its pooled features."""

    format: Literal["mifuse-classifier-1"] = "mifuse-classifier-1"
    classes: list[str]
    encoder: EncoderSettings
    encoder_identity: dict[str, Any]  # of the encoder that it was trained on: see `EncoderSettings.identity`
    n_layers: int
    dim: int
    hidden: int = 256
    dropout: float = Field(
        default=0.2, gt=0, lt=1
    )  # without dropout all draws are equal and MI would read as full trust


def read_config(folder: Path) -> ClassifierConfig:
    """The folder's config.

    Raises:
        CheckpointError: No classifier there, or one that this version cannot read.
    """
    path = folder / CONFIG_FILE
    if not path.is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise CheckpointError(
            f"{folder}: no classifier there (expected {CONFIG_FILE} and {WEIGHTS_FILE}). "
            "`mifuse train-source PIPELINE` makes one from labelled audio."
        )
    try:
        return ClassifierConfig.model_validate(json.loads(path.read_text(encoding="utf-8")), context={"folder": folder})
    except (ValidationError, ValueError) as error:
        raise CheckpointError(f"{path}: not a classifier that this version of mifuse can read: {error}") from error


def check_classes(config: ClassifierConfig, classes: list[str], folder: Path) -> None:
    """Raises CheckpointError unless the classifier knows exactly the pipeline's classes; their order may differ."""
    if set(config.classes) != set(classes):
        raise CheckpointError(
            f"{folder}: the classifier's classes are {', '.join(config.classes)}; the pipeline's are "
            f"{', '.join(classes)}. Change `classes` in pipelines.yaml, or give a classifier for these classes."
        )


def check_encoder(config: ClassifierConfig, folder: Path) -> None:
    """Raises CheckpointError when the encoder found now is not the one that the head was trained on."""
    if config.encoder.identity() != config.encoder_identity:
        raise CheckpointError(
            f"{folder}: the head was trained on another version of its encoder than the one found now "
            f"({config.encoder.kind}). Bring that encoder back, or train the classifier again."
        )
