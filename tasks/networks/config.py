"""What a classifier's folder says of itself in `config.json`; read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from tasks.contracts.class_map import Meaning
from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import Settings
from tasks.encoders import EncoderSettings
from tasks.encoders.joined import JoinedSettings
from tasks.networks.checkpoint import config_of_checkpoint, how_to_map, is_checkpoint, no_regression
from tasks.networks.labels import Outputs, class_of_each, own_shares
from tasks.networks.places import Places
from tasks.networks.pooling_settings import PoolingSettings, hears_frames

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
    beside: list[tuple[int, int]] = Field(default=[])  # layers and features of what further representations lie beside
    pooling: PoolingSettings = "mean"  # over time
    frames: Literal["store", "recompute"] = "store"  # where pooling over frames finds a clip's frames again
    layers: Literal["weighted", "last"] = "weighted"  # a learnt sum of all layers, or the encoder's output alone
    activation: Literal["relu", "none"] = "relu"  # between the head's two linear layers
    groups: list[int | None] | None = None  # of each output of the head: its class's place; None: left out
    shares: list[list[float]] | None = None  # or, where one is shared out, of each output among the classes
    places: Places | None = None  # of classes among a regression's outputs; they go into the weights as these are read
    hidden: int = 256
    # Without dropout all draws are equal and MI would read as full trust.
    dropout: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _groups_are_of_classes(self) -> ClassifierConfig:
        if self.groups is not None and {*self.groups} - {None} != {*range(len(self.classes))}:
            raise ValueError(f"groups {self.groups} do not name each of {len(self.classes)} classes by its place")
        if self.shares is not None and (self.groups is not None or not _are_shares(self.shares, len(self.classes))):
            raise ValueError(f"shares {self.shares} are not rows that share outputs among {len(self.classes)} classes")
        return self

    @property
    def hears_frames(self) -> bool:
        """Whether the head wants all frames of a clip, not their mean."""
        return hears_frames(self.pooling, self.encoder)

    def for_means(self) -> ClassifierConfig:
        """The same for the audio's time means alone, however the head pools: what statistics and rules look at."""
        encoder = self.encoder.audio if isinstance(self.encoder, JoinedSettings) else self.encoder
        return self.model_copy(update={"pooling": "mean", "encoder": encoder, "beside": []})

    @property
    def n_outputs(self) -> int:
        """Of the head, before outputs of one class are added up."""
        return len(self.groups or self.shares or self.classes)

    def outputs_of_class(self) -> list[list[tuple[int, float]]] | None:
        """Each class's outputs, each with the share of it that is the class's; None where each output is a class.

        >>> encoder = {"encoder": {"kind": "logmel"}, "encoder_identity": {}, "n_layers": 1, "dim": 1}
        >>> ClassifierConfig(classes=["happy", "sad"], groups=[0, None, 1, 0], **encoder).outputs_of_class()
        [[(0, 1.0), (3, 1.0)], [(2, 1.0)]]
        """
        if self.groups is None and self.shares is None:
            return None
        shares_CO = own_shares(Outputs(self.classes, self.groups, self.shares)).T.tolist()
        return [[(n, share) for n, share in enumerate(row) if share] for row in shares_CO]

    def described(self) -> dict[str, Any]:
        """What decides its answers, for digests: not where things lie, nor what older versions did not know of."""
        plain = self.model_dump(mode="json", exclude={"encoder", "frames"})
        defaults: dict[str, Any] = {"beside": [], "shares": None, "places": None}
        return {name: value for name, value in plain.items() if name not in defaults or value != defaults[name]}


def _are_shares(shares: list[list[float]], classes: int) -> bool:
    totals = [sum(row) for row in shares]
    fits = all(len(row) == classes and min(row) >= 0 for row in shares)
    return (
        fits and all(abs(total * (1 - total)) < 1e-6 for total in totals) and all(map(sum, zip(*shares, strict=True)))
    )


def read_config(
    folder: Path,
    labels: Mapping[str, Meaning] = {},
    dropout_rate: float | None = None,
    places: Places | None = None,
) -> ClassifierConfig:
    """The folder's config.

    Args:
        folder: Ours, or a transformers checkpoint for audio classification.
        labels: What its labels mean; without, its classes are its own labels.
        dropout_rate: In the place of the folder's own.
        places: Of classes among the outputs of a regression.

    Raises:
        CheckpointError: No classifier there, one that this version cannot read, or labels that it does not have.
    """
    content = read_content(folder)
    if is_checkpoint(content):
        content = config_of_checkpoint(folder, content, dropout_rate, places)
    elif not (folder / WEIGHTS_FILE).is_file():
        raise CheckpointError(_no_classifier(folder))
    elif places is not None:
        raise CheckpointError(no_regression(folder, "a classifier of mifuse"))
    if dropout_rate is not None and isinstance(content, dict):
        content["dropout"] = dropout_rate
    try:
        config = ClassifierConfig.model_validate(content, context={"folder": folder})
    except ValidationError as error:
        raise CheckpointError(_unreadable(folder, error)) from error
    named_twice = len(set(config.classes)) < len(config.classes)  # transformers does not mind
    return _relabelled(config, labels, folder) if labels or named_twice else config


def _relabelled(config: ClassifierConfig, labels: Mapping[str, Meaning], folder: Path) -> ClassifierConfig:
    own_OK = own_shares(Outputs(config.classes, config.groups, config.shares))
    return config.model_copy(update=class_of_each(config.classes, labels, folder, own_OK)._asdict())


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


def check_classes(config: ClassifierConfig, classes: list[str], folder: Path, lacks: Sequence[str] = ()) -> None:
    """Raises CheckpointError unless the classifier knows exactly the pipeline's classes, less those that it lacks."""
    if known := [name for name in lacks if name in config.classes]:
        raise CheckpointError(
            f"{folder}: `lacks` names {', '.join(known)}, but the classifier knows it: its classes are "
            f"{', '.join(config.classes)}. Take it out of `lacks`."
        )
    missing = [name for name in classes if name not in config.classes and name not in lacks]
    if missing or not set(config.classes) <= set(classes):
        how = f" If it does not know {' and '.join(missing)}, say so: `lacks: [{', '.join(missing)}]`." * bool(missing)
        raise CheckpointError(
            f"{folder}: the classifier's classes are {', '.join(config.classes)}; the pipeline's are "
            f"{', '.join(classes)}. {_how_to_agree(folder)}{how}"
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
    return (
        "Change `classes` in pipelines.yaml, give a classifier for these classes, or say at the teacher which class "
        "each of its own is, null for one to leave out: `labels: {excited: happy, other: null}`."
    )


def _no_classifier(folder: Path) -> str:
    return (
        f"{folder}: no classifier there (expected {CONFIG_FILE} and {WEIGHTS_FILE}). "
        "`mifuse train-source PIPELINE` makes one from labelled audio."
    )


def _unreadable(folder: Path, error: ValueError) -> str:
    return f"{folder / CONFIG_FILE}: not a classifier that this version of mifuse can read: {error}"
