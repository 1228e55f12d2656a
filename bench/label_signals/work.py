"""Computes the checks that are missing, in two processes of one thread each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from bench.label_signals.checking import Check, Checked, run_check
from bench.label_signals.kept import place_of, read_checked, write_checked
from bench.transfers.work import one_thread
from tasks.contracts.progress import progress_bar

_WORKERS = 2


def compute(checks: Sequence[Check], cache: Path) -> dict[Check, Checked]:
    """All of them; what is kept is not computed again."""
    places = {check: place_of(check, cache) for check in checks}
    missing = [check for check, place in places.items() if not place.is_file()]
    # Not fork: torch's threads do not survive it.
    with ProcessPoolExecutor(_WORKERS, multiprocessing.get_context("spawn"), one_thread) as pool:
        futures = [pool.submit(_run, check, places[check], cache) for check in missing]
        with progress_bar("label signals", len(checks), "heads") as bar:
            bar.update(len(checks) - len(missing))
            for future in as_completed(futures):
                future.result()
                bar.update(1)
    return {check: read_checked(place, check) for check, place in places.items()}


def _run(check: Check, place: Path, cache: Path) -> None:
    write_checked(place, run_check(check, cache))
