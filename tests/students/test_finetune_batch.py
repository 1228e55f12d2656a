"""Shares and length buckets of fine-tuning."""

from itertools import combinations_with_replacement, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.encoders.features import AudioFile
from tasks.students.finetune_batch import Sharing, length_buckets

SECONDS = st.lists(st.floats(0.1, 30, allow_nan=False), min_size=1, max_size=9)


def files_of(seconds: list[float]) -> list[AudioFile]:
    return [AudioFile(f"{n:064x}", Path(str(n)), s) for n, s in enumerate(seconds)]


def padded_s(bucket: list[AudioFile]) -> float:
    return len(bucket) * max(file.duration_s for file in bucket)


def cut_everywhere(files: list[AudioFile], parts: int) -> list[list[list[AudioFile]]]:
    """All ways to cut the clips, sorted by length, into at most so many parts."""
    by_length = sorted(files, key=lambda file: (file.duration_s, file.sha256))
    cuts = combinations_with_replacement(range(len(files) + 1), parts - 1)
    ways = [[0, *cut, len(files)] for cut in cuts]
    return [[by_length[a:b] for a, b in pairwise(way) if b > a] for way in ways]


@given(SECONDS, st.integers(1, 4))
def test_the_longest_bucket_is_as_short_as_it_can_be(seconds: list[float], parts: int) -> None:
    files = files_of(seconds)
    buckets = length_buckets(files, parts)
    assert len(buckets) <= parts
    assert sorted(file.sha256 for bucket in buckets for file in bucket) == [file.sha256 for file in files]
    best = min(max(map(padded_s, way)) for way in cut_everywhere(files, parts))
    assert max(map(padded_s, buckets)) == pytest.approx(best)


@given(SECONDS, st.integers(1, 4), st.integers(1, 3))
def test_each_clip_of_a_batch_is_one_process_share(seconds: list[float], count: int, accumulate: int) -> None:
    """Also where there are more processes than clips; no share is larger than another by more than one clip."""
    files, rows = files_of(seconds), list(range(len(seconds)))[::-1]
    shares = [
        Sharing(files, len(rows), accumulate, rank=rank, count=count, seed=0).own_buckets(rows) for rank in range(count)
    ]
    places = [[place for bucket in share for place in bucket] for share in shares]
    assert sorted(place for share in places for place in share) == list(range(len(rows)))
    sizes = [len(share) for share in places]
    assert max(sizes) - min(sizes) <= 1


def test_an_epoch_is_a_permutation_and_another_epoch_another() -> None:
    sharing = Sharing(files_of([1.0] * 9), 3, 1, rank=0, count=1, seed=0)
    epochs = [[sharing.epoch_and_rows(step) for step in range(first, first + 3)] for first in (0, 3)]
    orders = [[row for _, rows_B in epoch for row in rows_B.tolist()] for epoch in epochs]
    assert [sorted(order) for order in orders] == [list(range(9))] * 2
    assert orders[0] != orders[1]
    assert [[number for number, _ in epoch] for epoch in epochs] == [[0] * 3, [1] * 3]
