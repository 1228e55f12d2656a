"""A classifier or student as a folder: `config.json` and `model.safetensors`, no pickle."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from tasks.contracts.errors import CheckpointError
from tasks.networks.config import CONFIG_FILE, WEIGHTS_FILE, ClassifierConfig, read_config
from tasks.networks.head import Head
from tasks.storage.files import make_folder, replacing


def save_classifier(folder: Path, head: Head, config: ClassifierConfig) -> None:
    """Writes the folder; the weights first, so that a folder with a config is whole."""
    make_folder(folder)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in head.state_dict().items()}
    with replacing(folder / WEIGHTS_FILE) as temporary:
        temporary.write_bytes(save(weights))
    with replacing(folder / CONFIG_FILE) as temporary:
        temporary.write_text(json.dumps(config.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")


def load_classifier(folder: Path) -> tuple[Head, ClassifierConfig]:
    """The head in evaluation mode on the CPU, and its config.

    Raises:
        CheckpointError: Not a classifier folder, or weights that do not fit its config.
    """
    config = read_config(folder)
    head = Head(config)
    try:
        head.load_state_dict(load_file(folder / WEIGHTS_FILE))
    except (RuntimeError, SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS_FILE}: does not fit {CONFIG_FILE}: {error}") from error
    return head.eval(), config
