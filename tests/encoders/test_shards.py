"""The plan of shards: everything missing once, whole batches, and the same batches after an interruption."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.encoders.batches import AudioFile, plan_batches
from tasks.encoders.shards import Batch, Shard, ShardSize, count_shards, plan_shards, read_shard

DRAWS = (0, 1, 2, 3)
SMALL = ShardSize(clips=6, batches=2)


def clips(durations_s: Sequence[float]) -> list[AudioFile]:
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(len(durations_s))]
    return [AudioFile(s, Path(f"/audio/{s[:4]}.wav"), d) for s, d in zip(digests, durations_s, strict=True)]


def planned(path: Path) -> list[Shard]:
    return [read_shard(path, number) for number in range(count_shards(path)[0])]


@pytest.fixture
def files() -> list[AudioFile]:
    return clips([1 + n / 10 for n in range(20)])


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return tmp_path / "plan.parquet"


@given(st.lists(st.floats(0.1, 40), min_size=1, max_size=30), st.integers(0, 30))
def test_every_clip_is_planned_once_with_its_own_draws(
    tmp_path_factory: pytest.TempPathFactory, durations_s: list[float], some: int
) -> None:
    path, files = tmp_path_factory.mktemp("plan") / "plan.parquet", clips(durations_s)
    groups = [Batch(files[:some], DRAWS), Batch(files[some:], (4, 5))]
    plan_shards(path, [group for group in groups if group.files], 60, SMALL)
    found = [(file, batch.draws) for shard in planned(path) for batch in shard for file in batch.files]
    assert sorted(found, key=str) == sorted([(file, group.draws) for group in groups for file in group.files], key=str)
    assert count_shards(path)[1] == len(files)


def test_batches_are_those_of_the_planner_the_longest_first(plan: Path, files: list[AudioFile]) -> None:
    plan_shards(plan, [Batch(files, DRAWS)], 8, SMALL)
    found = [batch.files for shard in planned(plan) for batch in shard]
    assert found == plan_batches(files, (), 8)[::-1]
    assert len(found) > 4


def test_a_shard_is_full_by_clips_or_by_batches(plan: Path, files: list[AudioFile]) -> None:
    plan_shards(plan, [Batch(files)], 3, ShardSize(clips=99, batches=3))
    assert {len(shard) for shard in planned(plan)[:-1]} == {3}
    plan.unlink()
    plan_shards(plan, [Batch(files)], 3, ShardSize(clips=2, batches=99))
    assert all(sum(len(batch.files) for batch in shard[:-1]) < 2 for shard in planned(plan))


def test_after_an_interruption_what_is_left_keeps_its_batches(plan: Path, files: list[AudioFile]) -> None:
    plan_shards(plan, [Batch(files, DRAWS)], 8, SMALL)
    before = planned(plan)
    done = {file.sha256 for batch in before[1] for file in batch.files}
    left = [file for file in files if file.sha256 not in done]
    plan_shards(plan, [Batch(left, DRAWS)], 8, SMALL)
    assert planned(plan) == [shard for number, shard in enumerate(before) if number != 1]


def test_finished_rows_of_a_batch_are_left_out_of_it(plan: Path, files: list[AudioFile]) -> None:
    plan_shards(plan, [Batch(files, DRAWS)], 8, SMALL)
    before = planned(plan)
    first = before[1][0]
    assert len(first.files) > 1
    plan_shards(plan, [Batch([file for file in files if file != first.files[0]], DRAWS)], 8, SMALL)
    assert planned(plan) == [before[0], [replace(first, files=first.files[1:]), *before[1][1:]], *before[2:]]


def test_a_clip_that_has_moved_since_is_read_where_it_is_now(plan: Path, files: list[AudioFile]) -> None:
    plan_shards(plan, [Batch(files, DRAWS)], 8, SMALL)
    moved = [replace(file, path=Path("/elsewhere") / file.path.name) for file in files]
    plan_shards(plan, [Batch(moved, DRAWS)], 8, SMALL)
    paths = {file.path.parent for shard in planned(plan) for batch in shard for file in batch.files}
    assert paths == {Path("/elsewhere")}


def test_with_another_batch_seconds_the_batches_are_planned_anew(plan: Path, files: list[AudioFile]) -> None:
    """Lowering it is what a run that died for want of memory asks for."""
    plan_shards(plan, [Batch(files, DRAWS)], 60, SMALL)
    plan_shards(plan, [Batch(files, DRAWS)], 8, SMALL)
    assert [batch.files for shard in planned(plan) for batch in shard] == plan_batches(files, (), 8)[::-1]


@pytest.mark.parametrize("draws", [DRAWS, (4, 5)], ids=["another clip", "other draws"])
def test_a_plan_that_does_not_cover_what_is_missing_is_made_anew(
    plan: Path, files: list[AudioFile], draws: tuple[int, ...]
) -> None:
    plan_shards(plan, [Batch(files[:19], DRAWS)], 8, SMALL)
    plan_shards(plan, [Batch(files, draws)], 8, SMALL)
    found = [batch for shard in planned(plan) for batch in shard]
    assert [batch.files for batch in found] == plan_batches(files, (), 8)[::-1]
    assert {batch.draws for batch in found} == {draws}
