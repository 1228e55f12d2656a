"""The head's weights in a transformers checkpoint for audio classification."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from tasks.contracts.errors import CheckpointError
from tasks.networks.checkpoint import labels_of
from tasks.networks.config import WEIGHTS_FILE, ClassifierConfig, read_content
from tasks.networks.places import Places

_INDEX_FILE = "model.safetensors.index.json"
_PICKLE_FILE = "pytorch_model.bin"
_NAMES = {
    "to_hidden.weight": "projector.weight",
    "to_hidden.bias": "projector.bias",
    "to_logits.weight": "classifier.weight",
    "to_logits.bias": "classifier.bias",
}
# No share at all after softmax. Not -inf: a moving average of weights would make it NaN.
_NO_SHARE = -1e4


def head_weights(folder: Path, config: ClassifierConfig) -> dict[str, torch.Tensor]:
    """The state of a `Head` that gives the checkpoint's logits; features are taken as they are.

    Raises:
        CheckpointError: No weights, weights that cannot be read without running code, or some that are missing.
    """
    weighted = config.layers == "weighted"
    names = _NAMES | ({"layer_scores": "layer_weights"} if weighted else {})
    found = _tensors(folder, list(names.values()))
    weights = {ours: found[theirs] for ours, theirs in names.items()}
    if config.places is not None:
        weights |= _placed(config.places, labels_of(read_content(folder)), weights)
    if weighted:
        scores_L = weights["layer_scores"]
        more = scores_L.new_full((config.n_layers - len(scores_L),), _NO_SHARE)  # the output, which they do not weigh
        weights["layer_scores"] = torch.cat([scores_L, more])
    shape = (config.n_layers, config.dim)
    return weights | {"mean_LD": torch.zeros(shape), "std_LD": torch.ones(shape)}


def _placed(places: Places, outputs: Sequence[str], weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The regression's last layer and the places' one after the other, as one layer that gives class logits."""
    to_CD, bias_C = (torch.from_numpy(array) for array in places.as_layer(outputs))
    weight_DH, bias_D = weights["to_logits.weight"].double(), weights["to_logits.bias"].double()
    return {
        "to_logits.weight": (to_CD @ weight_DH).float(),
        "to_logits.bias": (to_CD @ bias_D + bias_C).float(),
    }


def _tensors(folder: Path, names: Sequence[str]) -> dict[str, torch.Tensor]:
    if (folder / WEIGHTS_FILE).is_file():
        return _from_safetensors(dict.fromkeys(names, folder / WEIGHTS_FILE))
    if (folder / _INDEX_FILE).is_file():
        part_of = _weight_map(folder / _INDEX_FILE)
        _check_all(names, part_of, folder / _INDEX_FILE)
        return _from_safetensors({name: folder / part_of[name] for name in names})
    if (folder / _PICKLE_FILE).is_file():
        return _from_pickle(folder / _PICKLE_FILE, names)
    raise CheckpointError(f"{folder}: no weights there (expected {WEIGHTS_FILE}).")


def _weight_map(path: Path) -> dict[str, str]:
    try:
        part_of: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: does not say which file holds which weight. Expected a whole checkpoint."
        ) from error
    return part_of


def _from_safetensors(place_of: dict[str, Path]) -> dict[str, torch.Tensor]:
    found = {}
    for name, path in place_of.items():
        try:
            with safe_open(path, "pt") as file:
                found[name] = file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(_missing(path, name, error)) from error
    return found


def _from_pickle(path: Path, names: Sequence[str]) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        raise CheckpointError(
            f"{path}: pickled weights that cannot be loaded without running code from the file, or a damaged file. "
            f"Load the model where you trust it; save_pretrained then writes {WEIGHTS_FILE}."
        ) from error
    _check_all(names, content, path)
    return {name: content[name] for name in names}


def _check_all(names: Sequence[str], found: Mapping[str, object], path: Path) -> None:
    if absent := [name for name in names if name not in found]:
        raise CheckpointError(_missing(path, absent[0], "not in it"))


def _missing(path: Path, name: str, why: object) -> str:
    return f"{path}: {name} of the classifier's head cannot be read ({why}). Expected a whole checkpoint."
