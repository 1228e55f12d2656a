"""A transformers checkpoint for audio classification, as `AutoModelForAudioClassification` loads it, read as ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.contracts.class_map import did_you_mean
from tasks.contracts.errors import CheckpointError
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.networks.places import Places, how_to_place

_WAVE_MODELS = {"wavlm", "hubert", "wav2vec2", "data2vec-audio"}


def is_checkpoint(content: Any) -> bool:
    """Whether transformers wrote this `config.json`."""
    return isinstance(content, dict) and "architectures" in content


def config_of_checkpoint(
    folder: Path, content: Mapping[str, Any], dropout_rate: float | None, places: Places | None = None
) -> dict[str, Any]:
    """What `ClassifierConfig` holds of it, with its own labels as classes; those of a regression are the places'.

    transformers pools after its first linear layer and has nothing between the two: the mean over time commutes with
    that, so the head gives the same logits. It has no dropout there either; ours sits on the pooled and hidden vector.

    Raises:
        CheckpointError: No audio classifier, one of a family that is not known, no dropout rate, or places that are
            not among its outputs.
    """
    _check_kind(folder, content)
    _check_outputs(folder, content, places)
    whisper = content["model_type"] == "whisper"
    # transformers' own pooling counts the silence that Whisper's window is filled up with
    padding = {"padding": "counted"} if whisper else {}
    encoder = HuggingFaceSettings.model_validate({"model": str(folder.absolute())} | padding)
    return {
        "classes": labels_of(content) if places is None else list(places.at),
        "places": places,
        "encoder": encoder.model_dump(),
        "encoder_identity": encoder.identity(),
        "n_layers": _number(folder, content, "encoder_layers" if whisper else "num_hidden_layers") + _more(content),
        "dim": _number(folder, content, "d_model" if whisper else "hidden_size"),
        "layers": "weighted" if content.get("use_weighted_layer_sum") else "last",
        "activation": "none",
        "hidden": content.get("classifier_proj_size", 256),  # transformers' default, where it is not written down
        "dropout": dropout_rate or _dropout(folder, content),
    }


def labels_of(content: Mapping[str, Any]) -> list[str]:
    """The label of each output. A checkpoint of two that are not named has none written down."""
    names = content.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    return [str(names[str(place)]) for place in range(len(names))]


def how_to_map(content: Mapping[str, Any]) -> str:
    """What to do when its labels are not the pipeline's classes."""
    return (
        f"It is a transformers checkpoint with the labels {', '.join(labels_of(content))}. Say at the teacher which "
        "class each of them is, null for one to leave out: `labels: {ang: angry, exc: happy, other: null}`."
    )


def _check_kind(folder: Path, content: Mapping[str, Any]) -> None:
    architecture, family = ", ".join(content["architectures"] or ["none"]), content.get("model_type")
    if not architecture.endswith(("ForSequenceClassification", "ForAudioClassification")):
        raise CheckpointError(
            f"{folder}: {architecture} is no audio classifier. Expected a checkpoint that "
            "AutoModelForAudioClassification loads as it is. For an encoder alone, set `source.encoder: "
            "{kind: huggingface, model: …}` and train a classifier on it: `mifuse train-source PIPELINE`."
        )
    if family not in _WAVE_MODELS | {"whisper"}:
        known = ", ".join(sorted(_WAVE_MODELS | {"whisper"}))
        raise CheckpointError(f"{folder}: audio classifiers of type {family} are not known. Known: {known}.")
    names = content.get("id2label") or {}
    if not isinstance(names, dict) or names.keys() != {*map(str, range(len(names)))}:
        raise CheckpointError(
            f"{folder / 'config.json'}: id2label is {names}. Expected the name of each output by its number: "
            '{"0": "angry", "1": "happy"}.'
        )


def _check_outputs(folder: Path, content: Mapping[str, Any], places: Places | None) -> None:
    problem, names = content.get("problem_type"), labels_of(content)
    if problem == "regression":
        if places is None:
            raise CheckpointError(f"{folder}: {how_to_place(names)}")
        if unknown := [name for name in places.dimensions if name not in names]:
            raise CheckpointError(
                f"{folder}: `places` names the dimension {', '.join(unknown)}; the checkpoint's are {', '.join(names)}."
                + did_you_mean(unknown[0], names, else_known=False)
            )
        return
    if places is not None:
        raise CheckpointError(no_regression(folder, "a checkpoint of classes"))
    if problem not in (None, "single_label_classification") or len(names) < 2:
        raise CheckpointError(
            f"{folder}: its outputs are no distribution over classes ({problem or 'regression'}, "
            f"{len(names)} outputs). Expected a classifier of which one class is right."
        )


def no_regression(folder: Path, found: str) -> str:
    """`places` without numbers that could lie near them."""
    return (
        f"{folder}: `places` are for a checkpoint whose outputs are numbers such as valence and arousal "
        f'(`"problem_type": "regression"` in its config.json); this is {found}. Take `places` and `spread` out.'
    )


def _more(content: Mapping[str, Any]) -> int:
    """Layers besides the transformer's: what goes into the first, and a normalised output as the encoder adds it."""
    return 2 if content.get("do_stable_layer_norm") else 1


def _number(folder: Path, content: Mapping[str, Any], name: str) -> int:
    if not isinstance(content.get(name), int):
        raise CheckpointError(f"{folder / 'config.json'}: {name} is missing. Save the checkpoint with save_pretrained.")
    return int(content[name])


def _dropout(folder: Path, content: Mapping[str, Any]) -> float:
    for name in ("final_dropout", "hidden_dropout", "dropout"):
        if rate := content.get(name):
            return float(rate)
    raise CheckpointError(
        f"{folder}: the checkpoint was trained without dropout, and without it all draws would be equal. "
        "Say how much the classifier shall have: teachers.<name>.dropout_rate, such as 0.2."
    )
