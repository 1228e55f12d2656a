"""A student's folder made to be given away: whole, with the encoder that it needs, at a place of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.contracts.errors import CheckpointError
from tasks.encoders.joined import JoinedSettings
from tasks.networks.config import ClassifierConfig, read_config
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.folder_parts import folder_of, local_parts
from tasks.storage.files import make_folder, remove


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A folder to write to, which becomes `folder` when the block ends without an error.

    Raises:
        CheckpointError: There is something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(f"{folder}: there is something already. Give a new folder, or empty this one.")
    temporary = make_folder(folder.absolute().parent) / f".{folder.name}-{uuid.uuid4().hex}"
    try:
        temporary.mkdir()
        yield temporary
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    finally:
        remove(temporary)


def export_student(student: Path, folder: Path) -> ClassifierConfig:
    """Writes `config.json`, `model.safetensors` and, unless the encoder has a name on the hub, `encoder/`.

    Returns:
        The new folder's config.

    Raises:
        CheckpointError: Not a student's folder, or its encoder is gone.
    """
    head, config = load_classifier(student)
    save_classifier(folder, head, config, _local_encoder(config), local_parts(config))
    return read_config(folder)


def _local_encoder(config: ClassifierConfig) -> Path | None:
    """The folder of an encoder that nobody else can be expected to have."""
    encoder = config.encoder
    folder = None if isinstance(encoder, JoinedSettings) else folder_of(encoder)
    if folder is not None and not folder.is_dir():
        raise CheckpointError(f"{folder}: the student's encoder is gone. Bring this folder back.")
    return folder
