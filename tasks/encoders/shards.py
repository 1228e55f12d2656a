"""Which clips a worker computes together: planned before they are shared out, and written down for a resumed run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.encoders.batches import AudioFile, plan_batches
from tasks.storage.files import replacing
from tasks.storage.tables import read_metadata

_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "shard": pl.Int64,
    "batch": pl.Int64,
    "sha256": pl.String,
    "path": pl.String,
    "duration_s": pl.Float64,
    "draws": pl.List(pl.UInt16),
}


@dataclass(frozen=True)
class Batch:
    """Clips that go through the encoder in one call, and the numbers of the draws wanted of each; none: features."""

    files: list[AudioFile]
    draws: tuple[int, ...] = ()

    @property
    def audio_s(self) -> float:
        """Of all clips, without padding."""
        return sum(file.duration_s for file in self.files)


Shard = list[Batch]


@dataclass(frozen=True)
class ShardSize:
    """When a shard is full: what a killed worker loses at most, and what one Prefect task is worth."""

    clips: int = 512
    batches: int = 8

    def is_reached(self, shard: Shard) -> bool:
        """True from the first limit on."""
        return len(shard) >= self.batches or sum(len(batch.files) for batch in shard) >= self.clips


def plan_shards(path: Path, missing: Sequence[Batch], batch_seconds: float, size: ShardSize) -> None:
    """Shares out what is missing and writes it to `path`.

    A plan found there is of the same run before it was interrupted. Its batches stay together, less the rows that are
    finished: a clip's bits depend on what goes through the matrices beside it, and so they are as if undisturbed. One
    for another `batch_seconds` is left: who lowers it does so because memory was not enough for those batches.

    Args:
        path: The plan, in the run's own folder.
        missing: All clips that lack the same draws, as one entry of any length.
        batch_seconds: See `plan_batches`.
        size: Of a shard.
    """
    shards = _as_planned_before(path, missing, batch_seconds) or _new_plan(missing, batch_seconds, size)
    rows = [
        (number, place, file.sha256, str(file.path), file.duration_s, list(batch.draws))
        for number, shard in enumerate(shards)
        for place, batch in enumerate(shard)
        for file in batch.files
    ]
    with replacing(path) as temporary:
        pl.DataFrame(rows, _SCHEMA, orient="row").write_parquet(temporary, metadata=_written_for(batch_seconds))


def count_shards(path: Path) -> tuple[int, int]:
    """How many shards are planned, and how many clips in them."""
    numbers = pl.read_parquet(path, columns=["shard"])["shard"]
    return numbers.n_unique(), len(numbers)


def read_shard(path: Path, number: int) -> Shard:
    """One shard of the plan."""
    return _shard(pl.scan_parquet(path).filter(pl.col("shard") == number).collect())


def _shard(rows: pl.DataFrame) -> Shard:
    return [
        Batch(
            [AudioFile(s, Path(p), d) for s, p, d in batch.select("sha256", "path", "duration_s").iter_rows()],
            tuple(batch["draws"][0]),
        )
        for batch in rows.partition_by("batch", maintain_order=True)
    ]


def _new_plan(missing: Sequence[Batch], batch_seconds: float, size: ShardSize) -> list[Shard]:
    shards: list[Shard] = []
    for group in missing:
        # The longest first: what memory does not bear is met at once, and workers end at about the same time.
        batches = plan_batches(group.files, (), batch_seconds)[::-1]
        shards += _full((Batch(files, group.draws) for files in batches), size)
    return shards


def _full(batches: Iterator[Batch], size: ShardSize) -> Iterator[Shard]:
    shard: Shard = []
    for batch in batches:
        shard.append(batch)
        if size.is_reached(shard):
            yield shard
            shard = []
    if shard:
        yield shard


def _written_for(batch_seconds: float) -> dict[str, str]:
    return {"batch_seconds": str(float(batch_seconds))}


def _as_planned_before(path: Path, missing: Sequence[Batch], batch_seconds: float) -> list[Shard] | None:
    if not path.is_file() or not _written_for(batch_seconds).items() <= read_metadata(path).items():
        return None
    wanted = {(file.sha256, group.draws): file for group in missing for file in group.files}
    before = [_shard(rows) for rows in pl.read_parquet(path).partition_by("shard", maintain_order=True)]
    kept = [[batch for old in shard if (batch := _still_wanted(old, wanted)).files] for shard in before]
    planned = sum(len(batch.files) for shard in kept for batch in shard)
    return [shard for shard in kept if shard] if planned == len(wanted) else None


def _still_wanted(batch: Batch, wanted: dict[tuple[str, tuple[int, ...]], AudioFile]) -> Batch:
    files = [wanted.get((file.sha256, batch.draws)) for file in batch.files]  # a path may be another one by now
    return Batch([file for file in files if file is not None], batch.draws)
