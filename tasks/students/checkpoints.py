"""Where a training run stands, on disk; a killed run goes on from there."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from tasks.storage.files import make_folder, replacing
from tasks.students.base import Checkpoint

_FILE = "checkpoint.pt"


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replaces the folder's checkpoint in one step."""
    make_folder(folder)
    with replacing(folder / _FILE) as temporary:
        _save(checkpoint, temporary)


def _save(checkpoint: Checkpoint, file: Path) -> None:
    """To an open file: by its name torch tells of a full disk as "unexpected pos", and of nothing else."""
    try:
        with file.open("wb") as out:
            torch.save(vars(checkpoint), out)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # what the disk said, before torch missed the rest of its file
            raise error.__context__ from error
        raise


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The folder's checkpoint; None where there is none that can be read."""
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        return Checkpoint(**torch.load(path, weights_only=True))
    except (OSError, RuntimeError, EOFError, TypeError, pickle.UnpicklingError):
        return None  # cut off or of another version: start again
