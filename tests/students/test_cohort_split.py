"""Which clips a cohort is judged by."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.students.cohort_split import split

NAMES = st.lists(st.sampled_from(["ann", "ben", "cem", "dia", "eva", "fay", None]), min_size=2, max_size=60)


@given(NAMES, st.integers(0, 5))
def test_each_clip_is_in_one_part_and_neither_is_empty(speakers: list[str | None], seed: int) -> None:
    train_R, held_R = split(len(speakers), speakers, seed)
    assert sorted([*train_R.tolist(), *held_R.tolist()]) == list(range(len(speakers)))
    assert len(train_R)
    assert 0 < len(held_R) <= max(1, 0.4 * len(speakers))


def test_no_speaker_is_in_both_parts() -> None:
    speakers = [f"speaker {n % 7}" for n in range(70)]
    parts = split(70, speakers, seed=3)
    learnt, held = ({speakers[row] for row in rows_R.tolist()} for rows_R in parts)
    assert not learnt & held
    assert len(parts[1]) == 20  # whole speakers, until a fifth is reached


def test_where_one_speaker_says_nearly_all_clips_are_held_out_whoever_speaks() -> None:
    assert len(split(20, ["ann"] * 20, seed=0)[1]) == 4


def test_where_the_few_clips_of_others_are_all_that_could_be_held_out_it_is_clips_whoever_speaks() -> None:
    assert len(split(100, [*["ann"] * 50, *["ben"] * 49, None], seed=0)[1]) == 20


def test_without_speakers_a_fifth_is_held_out() -> None:
    assert len(split(50, None, seed=0)[1]) == 10


def test_what_speakers_are_called_does_not_matter() -> None:
    one, other = (split(40, [f"{name}{n // 5}" for n in range(40)], seed=1)[1].tolist() for name in "ab")
    assert one == other


def test_another_seed_holds_out_others() -> None:
    one, other = (split(100, None, seed)[1].tolist() for seed in (0, 1))
    assert one != other
