"""The batches of fine-tuning: whose share which clips are, and what of it goes through the encoder together."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from tasks.encoders.batches import AudioFile, plan_batches
from tasks.encoders.waves import Wave, decoded_ahead
from tasks.students.chance import ORDER, Chance


@dataclass(frozen=True)
class Micro:
    """A micro-batch of M clips.

    Attributes:
        places: Theirs in the batch.
        rows: Theirs in the data.
        waves: What is heard of them.
    """

    places: list[int]
    rows: list[int]
    waves: list[Wave]


@dataclass(frozen=True)
class Batch:
    """One step: the rows of all its B clips, and those micro-batches of it that this process works on."""

    step: int
    epoch: int
    rows_B: torch.Tensor
    micros: list[Micro]


@dataclass(frozen=True)
class Sharing:
    """How the steps of a training are shared out.

    Attributes:
        files: Of all clips.
        batch_size: Over all processes.
        accumulate: How many micro-batches each process makes of its share, at most.
        rank: Of this process.
        count: Of all processes.
        seed: Of the order.
    """

    files: Sequence[AudioFile]
    batch_size: int
    accumulate: int
    rank: int
    count: int
    seed: int

    def epoch_and_rows(self, step: int) -> tuple[int, torch.Tensor]:
        """Which clips: the same in the same step as over stored features, see `tasks.students.loop`."""
        size = min(self.batch_size, len(self.files))
        epoch, batch = divmod(step, len(self.files) // size)
        order_N = torch.randperm(len(self.files), generator=Chance(self.seed).generator(ORDER, epoch))
        return epoch, order_N[batch * size : (batch + 1) * size]

    def own_buckets(self, rows: Sequence[int]) -> list[list[int]]:
        """Places in the batch that this process works on, dealt out by length so that all have as much to do."""
        by_length = sorted(range(len(rows)), key=lambda place: self.files[rows[place]].duration_s)
        own = by_length[self.rank :: self.count]
        place_of = {self.files[rows[place]].sha256: place for place in own}
        buckets = length_buckets([self.files[rows[place]] for place in own], self.accumulate)
        return [[place_of[file.sha256] for file in bucket] for bucket in buckets]

    def batches(self, first: int, end: int) -> Iterator[Batch]:
        """The steps from `first` to before `end`, decoded ahead. Raises ClipsError as `decoded_ahead`."""
        planned, asked = itertools.tee(self._planned(first, end))
        wanted = ([self.files[row] for _, rows in buckets for row in rows] for _, _, _, buckets in asked)
        for (step, epoch, rows_B, buckets), (_, waves) in zip(planned, decoded_ahead(wanted), strict=True):
            heard = iter(waves)
            micros = [Micro(places, rows, list(itertools.islice(heard, len(rows)))) for places, rows in buckets]
            yield Batch(step, epoch, rows_B, micros)

    def _planned(
        self, first: int, end: int
    ) -> Iterator[tuple[int, int, torch.Tensor, list[tuple[list[int], list[int]]]]]:
        for step in range(first, end):
            epoch, rows_B = self.epoch_and_rows(step)
            rows = rows_B.tolist()
            yield step, epoch, rows_B, [(places, [rows[p] for p in places]) for places in self.own_buckets(rows)]


def length_buckets(files: Sequence[AudioFile], parts: int) -> list[list[AudioFile]]:
    """At most `parts` micro-batches of clips of like length, the longest of which, with its padding, is shortest.

    >>> from pathlib import Path
    >>> of = [AudioFile(str(n), Path(), s) for n, s in enumerate([9.0, 1.0, 1.5, 2.0, 1.0, 8.0])]
    >>> [[file.duration_s for file in bucket] for bucket in length_buckets(of, 2)]
    [[1.0, 1.0, 1.5, 2.0], [8.0, 9.0]]
    """
    if len(files) <= 1 or parts == 1:
        return [list(files)] if files else []
    limits = sorted({count * file.duration_s for file in files for count in range(1, len(files) + 1)})
    least = bisect_left(limits, True, key=lambda limit: len(plan_batches(files, (), limit)) <= parts)
    return plan_batches(files, (), limits[least])
