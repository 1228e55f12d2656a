"""Which clips go through an encoder together: clips of like length, planned before the work is shared out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AudioFile:
    """A recording by its content; the path only says where that content is now, the transcript what is said in it."""

    sha256: str
    path: Path
    duration_s: float
    transcript: str | None = None


def plan_batches(files: Sequence[AudioFile], known: Collection[str], batch_seconds: float) -> list[list[AudioFile]]:
    """Batches of the recordings that are not `known` yet, each recording once, from the shortest to the longest.

    Planned over all files: a batch of which nothing is known stays as it is, whatever else is finished, so that a
    run that goes on computes the same batches as one that was never stopped. What is missing from other batches is
    put together and planned again, so that a few new recordings make a few batches, not one each.

    Args:
        files: All recordings, in any order.
        known: The sha256 of those that are finished.
        batch_seconds: At most so long is a batch with its padding: recordings times the longest. One recording that
            is longer goes alone.
    """
    done = set(known)
    whole, parts = [], []
    for batch in _filled({file.sha256: file for file in files}.values(), batch_seconds):
        missing = [file for file in batch if file.sha256 not in done]
        if len(missing) == len(batch):
            whole.append(batch)
        else:
            parts += missing
    return sorted([*whole, *_filled(parts, batch_seconds)], key=lambda batch: _place(batch[0]))


def _filled(files: Iterable[AudioFile], batch_seconds: float) -> list[list[AudioFile]]:
    batches: list[list[AudioFile]] = []
    for file in sorted(files, key=_place):  # the longest so far: it sets how long all of its batch are
        if not batches or (len(batches[-1]) + 1) * file.duration_s > batch_seconds:
            batches.append([])
        batches[-1].append(file)
    return batches


def _place(file: AudioFile) -> tuple[float, str]:
    return file.duration_s, file.sha256
