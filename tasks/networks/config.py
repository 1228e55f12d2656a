"""What a classifier's folder says of itself in `config.json`; read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import Settings
from tasks.encoders import EncoderSettings
from tasks.networks.checkpoint import config_of_checkpoint, how_to_map, is_checkpoint

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


class ClassifierConfig(Settings):
    """An encoder and a head over its pooled features."""

    format: Literal["mifuse-classifier-1"] = "mifuse-classifier-1"
    classes: list[str]
    encoder: EncoderSettings
    encoder_identity: dict[str, Any]  # of the encoder that it was trained on: see `EncoderSettings.identity`
    n_layers: int
    dim: int
    pooling: Literal["mean", "attentive"] = "mean"  # over time
    frames: Literal["store", "recompute"] = "store"  # where attentive pooling finds a clip's frames again
    layers: Literal["weighted", "last"] = "weighted"  # a learnt sum of all layers, or the encoder's output alone
    activation: Literal["relu", "none"] = "relu"  # between the head's two linear layers
    groups: list[int | None] | None = None  # of each output of the head: its class's place; None: left out
    hidden: int = 256
    # Without dropout all draws are equal and MI would read as full trust.
    dropout: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _groups_are_of_classes(self) -> ClassifierConfig:
        if self.groups is not None and {*self.groups} - {None} != {*range(len(self.classes))}:
            raise ValueError(f"groups {self.groups} do not name each of {len(self.classes)} classes by its place")
        return self

    @property
    def hears_frames(self) -> bool:
        """Whether the head wants all frames of a clip, not their mean."""
        return self.pooling == "attentive"

    @property
    def n_outputs(self) -> int:
        """Of the head, before outputs of one class are added up."""
        return len(self.classes) if self.groups is None else len(self.groups)

    def outputs_of_class(self) -> list[list[int]] | None:
        """Each class's outputs; None where each output is a class.

        >>> encoder = {"encoder": {"kind": "logmel"}, "encoder_identity": {}, "n_layers": 1, "dim": 1}
        >>> ClassifierConfig(classes=["happy", "sad"], groups=[0, None, 1, 0], **encoder).outputs_of_class()
        [[0, 3], [2]]
        """
        if self.groups is None:
            return None
        return [[n for n, group in enumerate(self.groups) if group == place] for place in range(len(self.classes))]


def read_config(
    folder: Path, labels: Mapping[str, str | None] = {}, dropout_rate: float | None = None
) -> ClassifierConfig:
    """The folder's config.

    Args:
        folder: Ours, or a transformers checkpoint for audio classification.
        labels: A transformers checkpoint's labels → classes.
        dropout_rate: In the place of the folder's own.

    Raises:
        CheckpointError: No classifier there, one that this version cannot read, or labels that it does not have.
    """
    content = read_content(folder)
    if is_checkpoint(content):
        content = config_of_checkpoint(folder, content, labels, dropout_rate)
    elif not (folder / WEIGHTS_FILE).is_file():
        raise CheckpointError(_no_classifier(folder))
    elif labels:
        raise CheckpointError(
            f"{folder}: `labels` are for a transformers checkpoint; this is a classifier of mifuse, whose classes have "
            "their names already. Take `labels` out."
        )
    if dropout_rate is not None and isinstance(content, dict):
        content["dropout"] = dropout_rate
    try:
        return ClassifierConfig.model_validate(content, context={"folder": folder})
    except ValidationError as error:
        raise CheckpointError(_unreadable(folder, error)) from error


def read_content(folder: Path) -> Any:
    """What `config.json` holds, whoever wrote it.

    Raises:
        CheckpointError: No such file, or no JSON.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise CheckpointError(_no_classifier(folder))
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(_unreadable(folder, error)) from error


def check_classes(config: ClassifierConfig, classes: list[str], folder: Path) -> None:
    """Raises CheckpointError unless the classifier knows exactly the pipeline's classes; their order may differ."""
    if set(config.classes) != set(classes):
        raise CheckpointError(
            f"{folder}: the classifier's classes are {', '.join(config.classes)}; the pipeline's are "
            f"{', '.join(classes)}. {_how_to_agree(folder)}"
        )


def check_encoder(config: ClassifierConfig, folder: Path) -> None:
    """Raises CheckpointError when the encoder found now is not the one that the head was trained on."""
    found = config.encoder.identity()
    # A setting that the classifier's version did not know yet had its default's effect.
    defaults = {name: field.default for name, field in type(config.encoder).model_fields.items() if name in found}
    if found != defaults | config.encoder_identity:
        raise CheckpointError(
            f"{folder}: the head was trained on another version of its encoder than the one found now "
            f"({config.encoder.kind}). Bring that encoder back, or train the classifier again."
        )


def _how_to_agree(folder: Path) -> str:
    if (folder / CONFIG_FILE).is_file() and is_checkpoint(content := read_content(folder)):
        return how_to_map(content)
    return "Change `classes` in pipelines.yaml, or give a classifier for these classes."


def _no_classifier(folder: Path) -> str:
    return (
        f"{folder}: no classifier there (expected {CONFIG_FILE} and {WEIGHTS_FILE}). "
        "`mifuse train-source PIPELINE` makes one from labelled audio."
    )


def _unreadable(folder: Path, error: ValueError) -> str:
    return f"{folder / CONFIG_FILE}: not a classifier that this version of mifuse can read: {error}"
