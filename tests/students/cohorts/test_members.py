"""Who is in a cohort, and which rows each member can answer."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.students.cohorts.members import Modality, Representation, can_answer, plan


def modality(name: str, n: int, rows: int = 2, present: list[bool] | None = None) -> Modality:
    found = [Representation(str(i), torch.zeros(rows, 1)) for i in range(n)]
    return Modality(name, found, None if present is None else torch.tensor(present))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_there_is_one_member_for_each_choice_but_the_one_that_hears_nothing(counts: list[int]) -> None:
    """`(k_x + 2) (k_z + 2) - 1` for two modalities with k latent representations beside the raw one."""
    expected = 1
    for count in counts:
        expected *= count + 1
    members = plan([modality(str(i), count) for i, count in enumerate(counts)])
    assert len({member.name for member in members}) == len(members) == expected - 1


def test_a_members_places_count_through_all_modalities() -> None:
    members = {member.name: member.places for member in plan([modality("x", 2), modality("z", 2)])}
    assert members["x: 1 + z: 0"] == (1, 2)
    assert members["z: 1"] == (3,)


def test_a_member_answers_only_rows_that_have_all_it_hears() -> None:
    modalities = [modality("x", 1, 3), modality("z", 1, 3, [True, False, True])]
    can_MN = can_answer(members := plan(modalities), modalities)
    assert can_MN is not None
    found = {member.name: row.tolist() for member, row in zip(members, can_MN, strict=True)}
    assert found == {"x: 0 + z: 0": [True, False, True], "x: 0": [True] * 3, "z: 0": [True, False, True]}


def test_a_row_without_any_modality_is_refused() -> None:
    modalities = [modality("x", 1, 3, [True, False, True])]
    with pytest.raises(ValueError, match="row 1 lacks every modality: no member can answer it"):
        can_answer(plan(modalities), modalities)


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ([], "no modality"),
        ([modality("x", 0)], r"'x' has the representations \[\]: at least one, each once"),
        ([modality("x", 1), modality("x", 1)], r"the modalities are \['x', 'x'\]: each name once"),
        ([modality("x", 1, rows=2), modality("z", 1, rows=3)], r"representations of \[2, 3\] rows"),
        ([modality("x", 1, rows=2, present=[True] * 3)], r"representations of \[2, 3\] rows"),
    ],
)
def test_what_makes_no_cohort_is_refused(modalities: list[Modality], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan(modalities)
