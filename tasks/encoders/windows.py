"""Long clips in windows, and batches in passes that memory holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.storage.audio import SAMPLE_RATE_HZ

WINDOW = 30 * SAMPLE_RATE_HZ
_JOINED = SAMPLE_RATE_HZ  # a rest this short has too little context to be heard alone
_PASS_FRAMES = 12_000  # eight windows of 30 s at the families' 50 frames a second


@dataclass(frozen=True, eq=False)
class Piece:
    """A clip, or a window of a long one."""

    clip: int
    window: int
    wave: NDArray[np.float32]
    length: int  # frames that the transformer sees
    counted: int  # of which these are the clip's


@dataclass(frozen=True)
class Row:
    """What one row of the transformer's batch holds: a piece, and in which of its draws."""

    piece: Piece
    draw: int


def cut_windows(wave: NDArray[np.float32], joined: int = _JOINED) -> list[NDArray[np.float32]]:
    """Windows of 30 s. A rest of at most `joined` samples stays with the window before it.

    >>> [len(window) / 16_000 for window in cut_windows(np.zeros(61 * 16_000, np.float32))]
    [30.0, 31.0]
    """
    starts = list(range(0, len(wave), WINDOW))
    if len(starts) > 1 and len(wave) - starts[-1] <= joined:
        starts.pop()
    return [wave[start:end] for start, end in zip(starts, [*starts[1:], len(wave)], strict=True)]


def passes_of(rows: Sequence[Row], clips: int) -> Iterator[list[Row]]:
    """Consecutive rows that go through the transformer together.

    Padded they are at most as much as the caller's batch without draws, or 240 s where that is more: K draws or a
    clip of three hours need no more memory than a batch that the caller found good.
    """
    limit = max(_PASS_FRAMES, clips * max(row.piece.length for row in rows))
    ready: list[Row] = []
    longest = 0
    for row in rows:
        longest = max(longest, row.piece.length)
        if ready and longest * (len(ready) + 1) > limit:
            yield ready
            ready, longest = [], row.piece.length
        ready.append(row)
    yield ready
