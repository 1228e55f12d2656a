"""While a run is at work, nothing is taken from under its feet; and while something is taken out, none goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.contracts.errors import CacheError
from tasks.storage.disks import writing_to
from tasks.storage.leftovers import is_held
from tasks.storage.run_locks import holder_of
from tasks.storage.unused import pipeline_folders

RUN_LOCK = ".run.lock"  # of a pipeline, in its folder
_ASKING = "answers"  # has locks of its own: see `asking_locks`
_UNFINISHED = ".unfinished-"  # each is one process's alone: nobody waits for it


@contextmanager
def nobody_at_work(cache: Path) -> Iterator[None]:
    """Inside the block no run works in the cache; one that starts then waits. Who asks for answers is not looked at.

    Raises:
        CacheError: A process holds one of the cache's locks.
    """
    with ExitStack() as held:
        for file in sorted(_locks(cache)):
            if is_held(file):
                raise _at_work(file)
            if not file.name.startswith(_UNFINISHED):
                _hold(file, held)
        yield


def _locks(cache: Path) -> set[Path]:
    """Of pipelines, work in progress and unfinished results: none lies deeper."""
    found = {path for pattern in ("*.lock", "*/*.lock", "*/*/*.lock") for path in cache.glob(pattern)}
    found |= {folder / RUN_LOCK for folder in pipeline_folders(cache)}  # there or not: a run that starts must wait
    return {path for path in found if path.parent.name != _ASKING}


def _hold(file: Path, held: ExitStack) -> None:
    lock = FileLock(file, fallback_to_soft=False, thread_local=False)
    try:
        with writing_to(file):
            lock.acquire(timeout=0)
    except Timeout as error:
        raise _at_work(file) from error
    held.callback(lock.release)
    held.callback(file.unlink, missing_ok=True)  # before it is let go of: see `run_locks.alone`


def _at_work(file: Path) -> CacheError:
    holder = holder_of(file)
    told = holder.told() if holder else f"it holds {file}"
    return CacheError(
        f"{file.parent}: a run is at work ({told}). Wait for it to end or stop it, then try again. Nothing was removed."
    )
