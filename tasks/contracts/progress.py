"""One kind of progress bar for all long work: rate and time left on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO, TypeVar

from tqdm import tqdm

_LOG_EVERY_S = 20.0


class Bar(tqdm):
    """Counts work that is done. Who listens may read it from another thread while it moves."""

    failed = False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.failed = error is not None
        super().__exit__(kind, error, at)

    @property
    def is_open(self) -> bool:
        """Whether the work goes on."""
        return not self.disable  # what closing a bar sets

    @property
    def share_done(self) -> float:
        """Within [0, 1]. All of it once the work has ended well: rows that were left out are no longer to come."""
        if not self.is_open and not self.failed:
            return 1.0
        return min(self.n / self.total, 1.0) if self.total else 0.0

    def told(self) -> str:
        """For example "asking lalm (gemini-2.5-flash): 1,240 of 5,000 draws, $0.31"."""
        more = f", {self.postfix}" if self.postfix else ""
        return f"{self.what}: {self.n:,} of {self.total:,} {self.unit.strip()}{more}"

    @property
    def what(self) -> str:
        """Its description."""
        return self.desc.strip()


_Bar = TypeVar("_Bar", bound=Bar)
_LISTENERS: list[Callable[[Bar], None]] = []


class _Lines:
    """Turns the bar's carriage returns into lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if shown := text.strip("\r\n\x1b[A "):
            self._stream.write(f"  {shown}\n")

    def flush(self) -> None:
        self._stream.flush()


class AudioBar(Bar):
    """Counts clips, and says how many hours of audio a second that is."""

    _audio_s = 0.0

    def heard(self, clips: int, audio_s: float) -> None:
        """So many clips more, of so many seconds together."""
        self._audio_s += audio_s
        passed_s = max(self.format_dict["elapsed"], 1e-3)
        self.set_postfix_str(f"{self._audio_s / 3600 / passed_s:.3g} audio h/s", refresh=False)
        self.update(clips)


@contextmanager
def listening(to: Callable[[Bar], None]) -> Iterator[None]:
    """Inside the block `to` is called with each new bar, in the thread that made it."""
    _LISTENERS.append(to)
    try:
        yield
    finally:
        _LISTENERS.remove(to)


def progress_bar(description: str, total: int, unit: str) -> Bar:
    """A bar on standard error. A log file gets a new state every 20 s instead of a moving line."""
    return _bar(Bar, description, total, unit)


def audio_progress_bar(description: str, total: int) -> AudioBar:
    """The same over `total` clips, in clips and audio hours per second."""
    return _bar(AudioBar, description, total, "clips")


def _bar(kind: type[_Bar], description: str, total: int, unit: str) -> _Bar:
    on_terminal = sys.stderr.isatty()
    bar = kind(
        desc=f"  {description}",
        total=total,
        unit=f" {unit}",
        file=sys.stderr if on_terminal else _Lines(sys.stderr),
        dynamic_ncols=on_terminal,
        mininterval=0.1 if on_terminal else _LOG_EVERY_S,
        leave=False,
        delay=0.0 if on_terminal else _LOG_EVERY_S,
    )
    for tell in _LISTENERS:
        tell(bar)
    return bar
