"""One kind of progress bar for all long work: rate and time left on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from typing import TextIO

from tqdm import tqdm

_LOG_EVERY_S = 20.0


class _Lines:
    """Turns the bar's carriage returns into lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if shown := text.strip("\r\n\x1b[A "):
            self._stream.write(f"  {shown}\n")

    def flush(self) -> None:
        self._stream.flush()


def progress_bar(description: str, total: int, unit: str) -> tqdm:
    """A bar on standard error. A log file gets a new state every 20 s instead of a moving line."""
    on_terminal = sys.stderr.isatty()
    return tqdm(
        desc=f"  {description}",
        total=total,
        unit=f" {unit}",
        file=sys.stderr if on_terminal else _Lines(sys.stderr),
        dynamic_ncols=on_terminal,
        mininterval=0.1 if on_terminal else _LOG_EVERY_S,
        leave=False,
        delay=0.0 if on_terminal else _LOG_EVERY_S,
    )
