"""Which clips are held out to validate by: whole speakers where that can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.errors import ClipsError
from tasks.encoders.features import Means
from tasks.students.source_clips import LabelledClips, split_clips
from tests.students.source_toys import toy

CLASSES = ["angry", "happy", "sad"]


def clips_of(labels: Sequence[int], speakers: Sequence[str]) -> LabelledClips:
    return LabelledClips(Means(torch.zeros(len(labels), 1, 1)), torch.tensor(labels), speakers)


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_on_both_sides_and_no_clip_is_lost(seed: int) -> None:
    clips = toy(90, tuple("abcdefghij"))
    split = split_clips(clips, CLASSES, 0.2, seed)
    assert sorted(split.train + split.held_out) == list(range(90))
    assert {clips.speakers[n] for n in split.held_out} == set(split.speakers or [])
    assert not {clips.speakers[n] for n in split.train} & set(split.speakers or [])


@pytest.mark.parametrize(("speakers", "share", "held_out"), [(10, 0.2, 2), (9, 0.2, 2), (2, 0.2, 1), (2, 0.9, 1)])
def test_the_share_is_of_the_speakers_rounded_up_but_never_all(speakers: int, share: float, held_out: int) -> None:
    split = split_clips(toy(90, [str(n) for n in range(speakers)]), CLASSES, share, 0)
    assert len(split.speakers or []) == held_out


@pytest.mark.parametrize("seed", range(5))
def test_every_class_is_on_both_sides_where_that_can_be(seed: int) -> None:
    """Only two of twelve speakers are ever sad: one of them is held out, the other not."""
    labels = [2 if speaker in (3, 7) and n < 3 else n % 2 for speaker in range(12) for n in range(6)]
    clips = clips_of(labels, [str(speaker) for speaker in range(12) for _ in range(6)])
    split = split_clips(clips, CLASSES, 0.2, seed)
    assert len({"3", "7"} & set(split.speakers or [])) == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_class_of_one_speaker_is_learnt_rather_than_validated(seed: int) -> None:
    labels = [2 if speaker == 0 else n % 2 for speaker in range(4) for n in range(4)]
    split = split_clips(clips_of(labels, [str(speaker) for speaker in range(4) for _ in range(4)]), CLASSES, 0.2, seed)
    assert split.speakers is not None
    assert "0" not in split.speakers


@pytest.mark.parametrize(
    ("speakers", "why"),
    [
        (["a"] * 9, "there is only one speaker"),
        ([""] * 9, "no speaker is known"),
        (["a", "b", "c"] * 3, "without any speakers so chosen a class would have too few clips"),
    ],
    ids=["one", "unknown", "a class each"],
)
def test_clips_of_each_class_are_held_out_where_speakers_cannot_be(speakers: list[str], why: str) -> None:
    split = split_clips(clips_of([0, 1, 2] * 3, speakers), CLASSES, 0.2, 0)
    assert split.speakers is None
    assert why in split.why
    assert sorted(n % 3 for n in split.held_out) == [0, 1, 2]


@given(st.lists(st.integers(2, 30), min_size=3, max_size=3), st.floats(0.01, 0.99), st.integers(0, 5))
def test_without_speakers_each_class_is_on_both_sides_about_by_the_share(
    counts: list[int], share: float, seed: int
) -> None:
    labels = np.repeat(np.arange(3), counts)
    split = split_clips(clips_of(labels.tolist(), [""] * len(labels)), CLASSES, share, seed)
    assert sorted(split.train + split.held_out) == list(range(len(labels)))
    held_out = np.bincount(labels[split.held_out], minlength=3)
    for count, held in zip(counts, held_out, strict=True):
        assert 1 <= held <= count - 1
        assert abs(held - share * count) <= 1


def test_the_seed_decides_who_is_held_out() -> None:
    clips = toy(90, tuple("abcdefghij"))
    assert split_clips(clips, CLASSES, 0.2, 3) == split_clips(clips, CLASSES, 0.2, 3)
    assert len({tuple(split_clips(clips, CLASSES, 0.2, seed).held_out) for seed in range(5)}) > 1


def test_a_class_of_a_single_clip_is_refused() -> None:
    told = r"too few clips of happy \(1\), sad \(0\); at least 2 of each class are needed.*Add some, or take the class"
    with pytest.raises(ClipsError, match=told):
        split_clips(clips_of([0, 0, 1], ["a", "b", "a"]), CLASSES, 0.2, 0)
