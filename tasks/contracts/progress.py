"""One kind of progress bar for all long work: rate and time left on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys

from tqdm import tqdm

_LOG_EVERY_S = 20.0


def progress_bar(description: str, total: int, unit: str) -> tqdm:
    """A bar on standard error. A log file gets a new state every 20 s instead of a moving line."""
    on_terminal = sys.stderr.isatty()
    return tqdm(
        desc=f"  {description}",
        total=total,
        unit=f" {unit}",
        dynamic_ncols=True,
        mininterval=0.1 if on_terminal else _LOG_EVERY_S,
        leave=False,
        delay=0.0 if on_terminal else _LOG_EVERY_S,
    )
