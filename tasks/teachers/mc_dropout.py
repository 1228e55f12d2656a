"""The source-trained classifier as a teacher: its draws are passes with other dropout masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tasks.contracts.class_map import Labels
from tasks.contracts.errors import CheckpointError
from tasks.contracts.runner import RunnerSettings, ThreadsRunner
from tasks.contracts.settings import OPERATIONAL, LocalPath, Settings
from tasks.encoders import EncoderSettings
from tasks.networks.checkpoint import is_checkpoint
from tasks.networks.config import WEIGHTS_FILE, ClassifierConfig, read_config, read_content
from tasks.networks.places import Places, PlacesOfClasses
from tasks.storage.files import sha256_of_file, sha256_of_json

if TYPE_CHECKING:
    from tasks.encoders.features import Features
    from tasks.networks.head import Head

# Raised when the same classifier, seed and clip give other probabilities than before: kept rows are then not used.
_CODE_VERSION = 1


class MCDropoutSettings(Settings):
    """`kind: mc_dropout`. `path`: what `mifuse train-source` wrote, or a transformers audio classifier as it is."""

    kind: Literal["mc_dropout"] = "mc_dropout"
    path: LocalPath = Field(json_schema_extra=OPERATIONAL)  # the folder's content counts, not where it lies
    draws: int = Field(default=8, ge=2, le=256)
    # Which dropouts are live. head: the encoder is deterministic and runs once per clip, the head K times.
    # all: the encoder's hidden, attention and activation dropouts too; it runs K times. LayerDrop and SpecAugment: off.
    dropout: Literal["head", "all"] = "head"
    dropout_rate: float | None = Field(default=None, gt=0, lt=1)  # of the head; None: as it was trained
    labels: Labels = Field(default={})  # what its labels mean; see `docs/classes.md`
    lacks: list[str] = Field(default=[])  # classes of the pipeline that it has never met
    # Of a regression, such as valence and arousal: where each class lies, and how far around a clip still counts. No
    # usual spread: it is in the checkpoint's own units, and decides how sure the teacher is.
    places: PlacesOfClasses | None = None
    spread: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    # target: statistics re-estimated on the unlabelled clips, then frozen; see `tasks/target_statistics.py`
    standardise: Literal["source", "target"] = "source"
    seed: int = Field(default=0, ge=0)
    batch_seconds: float = Field(default=240, gt=0, json_schema_extra=OPERATIONAL)
    device: str = Field(default="auto", json_schema_extra=OPERATIONAL)
    torch_threads: int | None = Field(default=None, ge=1, json_schema_extra=OPERATIONAL)  # of each worker
    runner: RunnerSettings = Field(default=ThreadsRunner(), json_schema_extra=OPERATIONAL)

    @model_validator(mode="after")
    def _places_are_whole(self) -> MCDropoutSettings:
        if (self.places is None) != (self.spread is None):
            raise ValueError(
                "`places` and `spread` go together: where the classes lie among a regression's outputs, and how far "
                "around its place a clip still counts, in the same units, such as `spread: 0.15` on a scale from 0 to 1"
            )
        if self.places is not None and self.labels:
            raise ValueError("`labels`: with `places` the classes are those that are placed; take `labels` out")
        return self

    @property
    def placed(self) -> Places | None:
        """Where classes lie among the outputs of a regression."""
        if self.places is None or self.spread is None:
            return None
        return Places(at=self.places, spread=self.spread)

    @property
    def makes_encoder_passes(self) -> bool:
        """Whether a draw costs a pass of the encoder, not of the head alone."""
        return self.dropout == "all"


def own_config(teacher: MCDropoutSettings) -> ClassifierConfig:
    """The classifier with its own labels: what its draws are of, whatever they mean in a pipeline."""
    return read_config(teacher.path, {}, teacher.dropout_rate, teacher.placed)


def mapped_config(teacher: MCDropoutSettings) -> ClassifierConfig:
    """The classifier with the classes that its labels mean: what a student starts from."""
    return read_config(teacher.path, teacher.labels, teacher.dropout_rate, teacher.placed)


def check_dropout(teacher: MCDropoutSettings, config: ClassifierConfig) -> None:
    """Raises CheckpointError where the encoder has nothing that `dropout: all` could switch on."""
    if teacher.makes_encoder_passes and config.encoder.kind != "huggingface":
        raise CheckpointError(
            f"{teacher.path}: its encoder is {_without_dropout(config.encoder.kind)}. Set `dropout: head`."
        )


def mistakes_in_dropout(name: str, teacher: MCDropoutSettings, trained_on: EncoderSettings | None) -> Iterator[str]:
    """What `mifuse check` can know before there is a classifier: `trained_on` is `source.encoder`."""
    if teacher.makes_encoder_passes and trained_on is not None and trained_on.kind != "huggingface":
        yield (
            f"teachers.{name}.dropout: all needs an encoder with dropout; source.encoder is "
            f"{_without_dropout(trained_on.kind)}. Set head, or source.encoder of kind huggingface"
        )


def _without_dropout(kind: str) -> str:
    """Why an encoder of this kind makes no draws of its own."""
    why = {
        "logmel": "which computes statistics and has no dropout",
        "joined": "whose parts do not all have dropout",
    }
    return f"{kind}, {why.get(kind, 'whose own dropout mifuse does not switch on')}"


def identity_of_draws(teacher: MCDropoutSettings, config: ClassifierConfig, statistics: Path | None) -> dict[str, Any]:
    """What decides a clip's draw of a given number: wherever the same lies, kept rows are used.

    Args:
        teacher: Its seed, and which dropouts are live.
        config: Of the classifier with its own labels, so that another map of them costs no pass: the encoder's
            identity, which has its precision and revision, and the head's dropout.
        statistics: The target's, where they stand in the place of the source's.
    """
    folder = teacher.path
    # Of a transformers checkpoint the encoder's identity covers the whole folder.
    weights = None if is_checkpoint(read_content(folder)) else sha256_of_file(folder / WEIGHTS_FILE)
    return {
        "code_version": _CODE_VERSION,
        "weights": weights,
        "config": config.described(),
        "dropout": teacher.dropout,
        "seed": teacher.seed,
        "statistics": None if statistics is None else sha256_of_file(statistics),
    }


def told_version(config: ClassifierConfig) -> str:
    """For the table: which encoder, by its name on the hub or the digest of its content, and its precision.

    >>> encoder = {"kind": "huggingface", "model": "org/wavlm", "revision": "1a2b"}
    >>> identity = {"kind": "huggingface", "model": "org/wavlm", "revision": "1a2b", "precision": "float32"}
    >>> given = {"classes": ["a", "b"], "encoder": encoder, "encoder_identity": identity, "n_layers": 1, "dim": 1}
    >>> told_version(ClassifierConfig(**given))
    'org/wavlm@1a2b + head, float32'
    """
    identity = config.encoder_identity
    if config.encoder.kind == "logmel":
        return "logmel + head, float32"
    name = f"{identity['model']}@{identity['revision']}" if "model" in identity else f"encoder {_digest8(identity)}"
    return f"{name} + head, {identity.get('precision', 'float32')}"


def _digest8(identity: dict[str, Any]) -> str:
    return sha256_of_json(identity)[:8]


def draw_by_dropout(
    head: Head, features: Features, sha256s: Sequence[str], draws: int | Sequence[int], seed: int, block: int = 256
) -> NDArray[np.float64]:
    """K stochastic passes over each clip; Gal & Ghahramani 2016 (arXiv:1506.02142).

    A clip's masks derive from (seed, its sha256, draw, layer): order and batches do not matter.

    Args:
        head: In evaluation mode, on the CPU.
        features: Of N clips.
        sha256s: Theirs.
        draws: How many, or their numbers.
        seed: Of the masks.
        block: So many clips go through the head at once.

    Returns:
        Class probabilities, shape (N, K, C).
    """
    import torch

    from tasks.maths.threads import one_thread
    from tasks.networks.passes import dropout_passes

    parts = []
    for at in range(0, len(sha256s), block):
        rows = range(at, min(at + block, len(sha256s)))
        with torch.inference_mode():
            heard = features.rows(rows).to("cpu")  # where frames are heard anew, the encoder has all its threads
            with one_thread():
                parts.append(dropout_passes(head, heard, sha256s[at : rows.stop], draws, seed))
    return torch.cat(parts).numpy()
