"""Two stacks in two threads are one cohort."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.maths.threads import one_thread
from tasks.students.cohorts.halves import Halves, _halves
from tasks.students.cohorts.members import values_of
from tasks.students.cohorts.stack import Stack
from tests.students.cohorts.toys import course, lesson, modalities

MEMBERS = lesson().members
VALUES = values_of(modalities())
WIDTHS = [values_ND.shape[1] for values_ND in VALUES]


def test_they_say_what_one_stack_says_in_the_members_order() -> None:
    torch.testing.assert_close(Halves(MEMBERS, WIDTHS, 2, seed=0)(VALUES), Stack(MEMBERS, WIDTHS, 2, seed=0)(VALUES))


def test_each_members_weights_follow_its_own_loss_alone() -> None:
    """Only one member has a loss: the others stay where they are."""
    halves = Halves(MEMBERS, WIDTHS, 1, seed=0)
    before_MNC = halves(VALUES).detach()
    which_M = torch.arange(len(MEMBERS)) == 5
    halves.descend(VALUES, lambda outputs: outputs.square().mean(dim=(1, 2)) * which_M, halves.optimisers(0.01))
    moved_M = (halves(VALUES) != before_MNC).any(dim=2).any(dim=1)
    assert torch.equal(moved_M, which_M)


def test_without_gradients_their_threads_keep_none() -> None:
    with torch.no_grad():
        assert not Halves(MEMBERS, WIDTHS, 1, seed=0)(VALUES).requires_grad


def test_their_threads_share_out_no_product_any_further() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            halves = Halves(MEMBERS, WIDTHS, 1, seed=0)
            assert halves._at_once(lambda half: torch.get_num_threads()) == [1, 1]
    finally:
        torch.set_num_threads(before)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=30))
def test_every_member_is_in_one_half_and_the_halves_have_about_as_much_to_do(widths: list[int]) -> None:
    halves = _halves(widths)
    assert sorted(m for half in halves for m in half) == list(range(len(widths)))
    sums = [sum(widths[m] for m in half) for half in halves]
    assert max(sums) - (min(sums) if len(sums) > 1 else max(sums) - max(widths)) <= max(widths)


def test_a_course_of_one_member_has_one_half() -> None:
    assert len(Halves(MEMBERS[:1], WIDTHS, 1, course().seed).stacks) == 1
