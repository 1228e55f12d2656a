"""Keeps how far training the source classifier is, a folder per run, and shows it as a bar of epochs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from tasks.contracts.errors import CacheError
from tasks.contracts.progress import progress_bar
from tasks.storage.files import make_folder
from tasks.students.base import Checkpoint
from tasks.students.checkpoints import read_checkpoint, write_checkpoint


class FolderWork:
    """Keeps `students.source.Work` below a folder."""

    def __init__(self, folder: Path, bar: tqdm) -> None:
        self._folder, self._bar = folder, bar

    def found(self, run: str) -> Checkpoint | None:
        """Keeps `Work.found`."""
        return read_checkpoint(self._folder / run)

    def keep(self, run: str, checkpoint: Checkpoint) -> None:
        """Keeps `Work.keep`."""
        write_checkpoint(self._folder / run, checkpoint)

    def report(self, epochs: int, best_ua: float | None) -> None:
        """Keeps `Work.report`."""
        if best_ua is not None:
            self._bar.set_postfix_str(f"best UA {best_ua:.1%}", refresh=False)
        self._bar.update(epochs)


@contextmanager
def work_in(folder: Path, epochs: int) -> Iterator[FolderWork]:
    """The folder is gone when the block ends without an error: what came of the work is kept elsewhere by then.

    Args:
        folder: Named after all that the result depends on, so that other work is never gone on with.
        epochs: How many there are at most.

    Raises:
        CacheError: Another process works there; the first of the two to end would take the other's checkpoints away.
    """
    with _alone_in(folder), progress_bar("training the source classifier", epochs, "epochs") as bar:
        yield FolderWork(folder, bar)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    lock = FileLock(make_folder(folder.parent) / f"{folder.name}.lock")
    try:
        lock.acquire(timeout=0)  # the system lets go of it when its process dies
    except Timeout as error:
        raise CacheError(
            f"{lock.lock_file}: another `mifuse train-source` trains this classifier right now. Wait for it to end or "
            "stop it, then try again."
        ) from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
