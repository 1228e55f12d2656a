"""A classifier or student as a folder: `config.json` and `model.safetensors`, no pickle; `encoder/` if fine-tuned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from tasks.contracts.class_map import Meaning
from tasks.contracts.errors import CheckpointError
from tasks.encoders.joined import JoinedSettings
from tasks.networks.checkpoint import is_checkpoint
from tasks.networks.checkpoint_weights import head_weights
from tasks.networks.config import CONFIG_FILE, WEIGHTS_FILE, ClassifierConfig, read_config, read_content
from tasks.networks.folder_parts import ENCODER_FOLDER as ENCODER_FOLDER
from tasks.networks.folder_parts import copy_folder, folder_of, with_parts
from tasks.networks.head import Head
from tasks.networks.places import Places
from tasks.storage.files import make_folder, replacing


def save_classifier(
    folder: Path,
    head: Head,
    config: ClassifierConfig,
    encoder_folder: Path | None = None,
    parts: Mapping[int, Path] = {},
) -> None:
    """Writes the folder; the weights first, so that a folder with a config is whole.

    Args:
        folder: May hold an older classifier.
        head: On any device.
        config: Its settings.
        encoder_folder: A fine-tuned encoder, which then lies in the folder and moves with it.
        parts: The same of a joined encoder's parts, by their places.
    """
    make_folder(folder)
    config = with_parts(folder, config, parts)
    if encoder_folder is not None:
        config = _with_encoder(folder, config, encoder_folder)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in head.state_dict().items()}
    # An older config beside new weights would load, perhaps with its classes in another order.
    (folder / CONFIG_FILE).unlink(missing_ok=True)
    with replacing(folder / WEIGHTS_FILE) as temporary:
        temporary.write_bytes(save(weights))
    with replacing(folder / CONFIG_FILE) as temporary:
        temporary.write_text(json.dumps(config.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")


def load_classifier(
    folder: Path,
    labels: Mapping[str, Meaning] = {},
    dropout_rate: float | None = None,
    places: Places | None = None,
) -> tuple[Head, ClassifierConfig]:
    """The head in evaluation mode on the CPU, and its config; see `read_config`.

    Raises:
        CheckpointError: Not a classifier folder, weights that do not fit its config, or one that is not finite.
    """
    found = read_config(folder, labels, dropout_rate, places)
    config = found.model_copy(update={"places": None})  # they are in the weights now, and so in a student's
    head = Head(config)
    try:
        theirs = is_checkpoint(read_content(folder))
        head.load_state_dict(head_weights(folder, found) if theirs else load_file(folder / WEIGHTS_FILE))
    except (RuntimeError, SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS_FILE}: does not fit {CONFIG_FILE}: {error}") from error
    if bad := [name for name, weights in head.state_dict().items() if not weights.isfinite().all()]:
        raise CheckpointError(
            f"{folder / WEIGHTS_FILE}: {bad[0]} of the classifier's head holds numbers that are not finite. All of its "
            "answers would be so. Train the classifier again, or give another."
        )
    return head.eval(), config


def own_encoder(folder: Path, config: ClassifierConfig) -> Path | None:
    """The encoder that lies in the classifier's folder: a student of it must carry it on."""
    place = folder.absolute() / ENCODER_FOLDER
    encoder = config.encoder
    return place if not isinstance(encoder, JoinedSettings) and folder_of(encoder) == place else None


def _with_encoder(folder: Path, config: ClassifierConfig, encoder_folder: Path) -> ClassifierConfig:
    place = folder.absolute() / ENCODER_FOLDER
    if encoder_folder.absolute() != place:
        copy_folder(encoder_folder, place)
    encoder = config.encoder.model_copy(update={"model": str(place), "revision": None})
    # With "./" it is a path even when it has gone; see `FolderOrHubName`.
    moving = encoder.model_copy(update={"model": f"./{ENCODER_FOLDER}"})
    return config.model_copy(update={"encoder": moving, "encoder_identity": encoder.identity()})
