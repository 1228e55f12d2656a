"""One run at a time asks one model; and while any does, nothing is taken out of the store under its feet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.contracts.errors import CacheError


def asking_lock(answers: Path, model: str) -> Path:
    """The file that a run locks while it asks the model."""
    return answers / f"asking-{re.sub('[^A-Za-z0-9.-]', '_', model)}.lock"


@contextmanager
def asking_alone(answers: Path, model: str) -> Iterator[None]:
    """One run at a time asks one model; the second waits and says so."""
    lock = FileLock(asking_lock(answers, model))
    try:
        lock.acquire(timeout=0)  # the system lets go of it when its process dies
    except Timeout:
        print(f"  another run is asking {model} (it holds {lock.lock_file}); waiting for it to end", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def nobody_asking(answers: Path, models: Iterable[str]) -> Iterator[None]:
    """Inside the block no run asks these models, or any that was asked before; a run that starts then waits.

    Raises:
        CacheError: A run is asking.
    """
    files = {asking_lock(answers, model) for model in models} | set(answers.glob("asking*.lock"))
    with ExitStack() as held:
        for file in sorted(files):
            lock = FileLock(file)
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise CacheError(
                    f"{file}: a run is asking right now, and needs the stored answers. Wait for it to end or stop it, "
                    "then try again. Nothing was removed."
                ) from error
            held.callback(lock.release)
        yield
