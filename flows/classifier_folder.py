"""The folder that `mifuse train-source` writes to: nothing of value is overwritten there, and one writes at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.contracts.errors import CheckpointError
from tasks.networks.checkpoint import is_checkpoint
from tasks.networks.config import CONFIG_FILE, read_content
from tasks.storage.run_locks import alone


@contextmanager
def alone_in_classifier_folder(folder: Path, force: bool) -> Iterator[None]:
    """Waits for another training into the same folder.

    Raises:
        CheckpointError: It holds a classifier already, another one's too, and `force` is not given; or a transformers
            checkpoint; or it cannot be written to.
    """
    _check_may_write(folder, force)
    with alone(folder.with_name(f".{folder.name}.lock"), "another `mifuse train-source` into this folder"):
        _check_may_write(folder, force)  # the other one has written there
        yield


def _check_may_write(folder: Path, force: bool) -> None:
    """Before the training: nobody waits hours to hear that its result has nowhere to go."""
    if (folder / CONFIG_FILE).exists():
        if is_checkpoint(read_content(folder)):
            raise CheckpointError(
                f"{folder}: holds a transformers checkpoint, which is used as it is; --force does not overwrite it. To "
                "train a classifier, change the teacher's `path`."
            )
        if not force:
            raise CheckpointError(
                f"{folder}: holds a classifier already. Train it again with --force, or change its path."
            )
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "cannot be written to" if there.is_dir() else "is a file"
        raise CheckpointError(f"{folder}: no classifier can be kept there: {there} {why}. Change the teacher's `path`.")
