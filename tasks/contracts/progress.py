"""One kind of progress bar for all long work: rate and time left on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from typing import TextIO, TypeVar

from tqdm import tqdm

_LOG_EVERY_S = 20.0
_Bar = TypeVar("_Bar", bound=tqdm)


class _Lines:
    """Turns the bar's carriage returns into lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if shown := text.strip("\r\n\x1b[A "):
            self._stream.write(f"  {shown}\n")

    def flush(self) -> None:
        self._stream.flush()


class AudioBar(tqdm):
    """Counts clips, and says how many hours of audio a second that is."""

    _audio_s = 0.0

    def heard(self, clips: int, audio_s: float) -> None:
        """So many clips more, of so many seconds together."""
        self._audio_s += audio_s
        passed_s = max(self.format_dict["elapsed"], 1e-3)
        self.set_postfix_str(f"{self._audio_s / 3600 / passed_s:.3g} audio h/s", refresh=False)
        self.update(clips)


def progress_bar(description: str, total: int, unit: str) -> tqdm:
    """A bar on standard error. A log file gets a new state every 20 s instead of a moving line."""
    return _bar(tqdm, description, total, unit)


def audio_progress_bar(description: str, total: int) -> AudioBar:
    """The same over `total` clips, in clips and audio hours per second."""
    return _bar(AudioBar, description, total, "clips")


def _bar(kind: type[_Bar], description: str, total: int, unit: str) -> _Bar:
    on_terminal = sys.stderr.isatty()
    return kind(
        desc=f"  {description}",
        total=total,
        unit=f" {unit}",
        file=sys.stderr if on_terminal else _Lines(sys.stderr),
        dynamic_ncols=on_terminal,
        mininterval=0.1 if on_terminal else _LOG_EVERY_S,
        leave=False,
        delay=0.0 if on_terminal else _LOG_EVERY_S,
    )
