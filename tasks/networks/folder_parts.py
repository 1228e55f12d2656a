"""The models of a joined encoder's parts in a classifier's folder: `encoder/0`, `encoder/1` and so on."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from tasks.contracts.errors import CheckpointError
from tasks.encoders import Part, parts_of
from tasks.encoders.joined import JoinedSettings
from tasks.encoders.logmel import LogMelSettings
from tasks.networks.config import ClassifierConfig
from tasks.storage.files import remove

ENCODER_FOLDER = "encoder"


def folder_of(part: Part) -> Path | None:
    """Where its weights lie on this machine; None where it has none, or a name on the hub."""
    if isinstance(part, LogMelSettings) or not Path(part.model).is_absolute():
        return None
    return Path(part.model)


def local_parts(config: ClassifierConfig) -> dict[int, Path]:
    """The folders of a joined encoder's parts that nobody else can be expected to have, by their places.

    Raises:
        CheckpointError: One of them is gone.
    """
    if not isinstance(config.encoder, JoinedSettings):
        return {}
    found = {n: folder for n, part in enumerate(config.encoder.parts) if (folder := folder_of(part)) is not None}
    for folder in found.values():
        if not folder.is_dir():
            raise CheckpointError(f"{folder}: a part of the student's encoder is gone. Bring this folder back.")
    return found


def own_parts(folder: Path, config: ClassifierConfig) -> dict[int, Path]:
    """Those that lie in the classifier's folder: a student of it must carry them on."""
    place = folder.absolute() / ENCODER_FOLDER
    return {n: found for n, part in enumerate(parts_of(config.encoder)) if (found := folder_of(part)) == place / str(n)}


def with_parts(folder: Path, config: ClassifierConfig, carried: Mapping[int, Path]) -> ClassifierConfig:
    """Copies the parts into the folder; the config then names them there, wherever the folder is moved."""
    encoder = config.encoder
    if not isinstance(encoder, JoinedSettings) or not carried:
        return config
    parts = list(encoder.parts)
    for n, source in carried.items():
        place = folder.absolute() / ENCODER_FOLDER / str(n)
        if source.absolute() != place:
            copy_folder(source, place)
        # With "./" it is a path even when it has gone; see `FolderOrHubName`.
        parts[n] = parts[n].model_copy(update={"model": f"./{ENCODER_FOLDER}/{n}", "revision": None})
    return config.model_copy(update={"encoder": encoder.model_copy(update={"parts": tuple(parts)})})


def copy_folder(source: Path, place: Path) -> None:
    """A copy, not hard links: who trains again writes into the old files, and the copy must stay as it is."""
    temporary = place.with_name(f".{place.name}-{uuid.uuid4().hex}")
    try:
        shutil.copytree(source, temporary)
        remove(place)
        temporary.rename(place)
    finally:
        remove(temporary)
