"""Batches hold clips of like length, are bounded with their padding, and are the same after a stop as without one."""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tasks.encoders.batches import AudioFile, plan_batches

LENGTHS = st.lists(st.floats(0.1, 60) | st.sampled_from([1.0, 2.0, 4.0]), max_size=40)
BOUNDS = st.floats(0.5, 200)


def named(durations_s: Sequence[float], prefix: str = "") -> list[AudioFile]:
    return [AudioFile(f"{prefix}{n:064x}", Path(f"{n}.wav"), duration_s) for n, duration_s in enumerate(durations_s)]


def padded_s(batch: list[AudioFile]) -> float:
    return len(batch) * max(file.duration_s for file in batch)


def flat(batches: list[list[AudioFile]]) -> list[str]:
    return [file.sha256 for batch in batches for file in batch]


@hypothesis.given(durations_s=LENGTHS, batch_seconds=BOUNDS, known=st.sets(st.integers(0, 39)))
def test_every_recording_that_is_not_known_is_in_one_batch(
    durations_s: list[float], batch_seconds: float, known: set[int]
) -> None:
    files = named(durations_s)
    done = {file.sha256 for n, file in enumerate(files) if n in known}
    planned = flat(plan_batches(files, done, batch_seconds))
    assert sorted(planned) == [file.sha256 for file in files if file.sha256 not in done]


@hypothesis.given(durations_s=LENGTHS, batch_seconds=BOUNDS, known=st.sets(st.integers(0, 39)))
def test_a_batch_is_at_most_so_long_with_its_padding_or_holds_one_clip(
    durations_s: list[float], batch_seconds: float, known: set[int]
) -> None:
    files = named(durations_s)
    for batch in plan_batches(files, {files[n].sha256 for n in known if n < len(files)}, batch_seconds):
        assert len(batch) == 1 or padded_s(batch) <= batch_seconds


@hypothesis.given(durations_s=LENGTHS, batch_seconds=BOUNDS)
def test_no_batch_would_have_taken_the_next_clip_too(durations_s: list[float], batch_seconds: float) -> None:
    batches = plan_batches(named(durations_s), (), batch_seconds)
    for batch, following in itertools.pairwise(batches):
        assert padded_s([*batch, following[0]]) > batch_seconds


@hypothesis.given(durations_s=LENGTHS, batch_seconds=BOUNDS)
def test_batches_go_from_the_shortest_to_the_longest(durations_s: list[float], batch_seconds: float) -> None:
    files = named(durations_s)
    expected = sorted(files, key=lambda file: (file.duration_s, file.sha256))
    assert flat(plan_batches(files, (), batch_seconds)) == [file.sha256 for file in expected]


@hypothesis.given(durations_s=LENGTHS, batch_seconds=BOUNDS, data=st.data())
def test_after_any_finished_batches_the_others_are_the_same(
    durations_s: list[float], batch_seconds: float, data: DataObject
) -> None:
    """Of a run over new recordings among old ones, too: its batches are put together from several."""
    files = named(durations_s)
    known = {file.sha256 for file in files if data.draw(st.booleans(), label="known")}
    batches = plan_batches(files, known, batch_seconds)
    is_done = [data.draw(st.booleans(), label="finished") for _ in batches]
    finished = {sha256 for batch, done in zip(batches, is_done, strict=True) if done for sha256 in flat([batch])}
    left = [batch for batch, done in zip(batches, is_done, strict=True) if not done]
    assert plan_batches(files, known | finished, batch_seconds) == left


@hypothesis.given(durations_s=LENGTHS, batch_seconds=BOUNDS, luck=st.randoms())
def test_a_plan_does_not_depend_on_the_order_of_the_files(
    durations_s: list[float], batch_seconds: float, luck: random.Random
) -> None:
    files = named(durations_s)
    shuffled = list(files)
    luck.shuffle(shuffled)
    assert plan_batches(shuffled, (), batch_seconds) == plan_batches(files, (), batch_seconds)


def test_a_batch_of_which_nothing_is_known_stays_as_it_is() -> None:
    files = named([1, 1, 1, 2, 2, 2, 3, 3, 3])
    first, second, third = files[:4], files[4:7], files[7:]
    assert plan_batches(files, (), 9) == [first, second, third]
    assert plan_batches(files, {first[0].sha256}, 9) == [first[1:], second, third]
    assert plan_batches(files, {first[0].sha256, third[0].sha256}, 9) == [first[1:], second, third[1:]]


def test_one_per_cent_of_new_recordings_makes_few_batches() -> None:
    durations_s = np.random.default_rng(0).uniform(1, 15, 1000).tolist()
    files = named(durations_s)
    new = {file.sha256 for file in files[::100]}
    old = {file.sha256 for file in files} - new
    assert len(plan_batches(files, (), 240)) > 30
    assert len(plan_batches(files, old, 240)) == 1


def test_a_recording_under_two_names_is_heard_once() -> None:
    file = AudioFile("a", Path("a.wav"), 1.0)
    assert flat(plan_batches([file, AudioFile("a", Path("b.wav"), 1.0)], (), 10)) == ["a"]


@pytest.mark.parametrize(("durations_s", "lengths"), [([5, 1, 1], [2, 1]), ([11, 12], [1, 1]), ([], [])])
def test_a_clip_that_is_longer_than_a_batch_goes_alone(durations_s: list[float], lengths: list[int]) -> None:
    assert [len(batch) for batch in plan_batches(named(durations_s), (), 4)] == lengths
