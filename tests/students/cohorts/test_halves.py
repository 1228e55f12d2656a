"""Two stacks in two threads are one cohort."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.maths.threads import one_thread
from tasks.students.cohorts.halves import Halves, _halves
from tasks.students.cohorts.members import values_of
from tasks.students.cohorts.phase import Phase
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


@pytest.mark.parametrize("failing", [0, 1])
def test_what_fails_in_either_thread_is_told_when_both_have_ended(failing: int) -> None:
    halves, ended = Halves(MEMBERS, WIDTHS, 1, seed=0), []

    def work(half: int) -> None:
        if half == failing:
            raise ValueError(f"half {half}")
        ended.append(half)

    with pytest.raises(ValueError, match=f"half {failing}"):
        halves._at_once(work)
    assert ended == [1 - failing]


def test_the_thread_beside_shares_out_no_product_whatever_the_caller_does() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert Halves(MEMBERS, WIDTHS, 1, seed=0)._at_once(lambda half: torch.get_num_threads()) == [2, 1]
    finally:
        torch.set_num_threads(before)


def test_two_threads_give_the_bits_of_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> bytes:
        phase = Phase(course(batch_size=64), lesson())
        for _ in range(4):
            phase.advance()
        return b"".join(weights.numpy().tobytes() for weights in phase.state()["now"].values())

    at_once = {trained() for _ in range(50)}
    monkeypatch.setattr(Halves, "_at_once", lambda self, work: [work(half) for half in range(len(self.stacks))])
    assert at_once == {trained()}


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple), min_size=1, max_size=30))
def test_every_member_is_in_one_half_and_who_first_hears_the_same_is_in_the_same(places: list[tuple[int, ...]]) -> None:
    widths = [500, 200, 100, 400, 50, 7]
    halves = _halves(places, widths)
    assert sorted(m for half in halves for m in half) == list(range(len(places)))
    firsts = [{places[m][0] for m in half} for half in halves]
    assert len(firsts) == 1 or not firsts[0] & firsts[1]
    assert len(halves) == min(2, len({hears[0] for hears in places}))


def test_both_halves_have_about_as_much_to_do() -> None:
    places, widths = [member.places for member in MEMBERS], WIDTHS
    loads = [sum(widths[place] for m in half for place in places[m]) for half in _halves(places, widths)]
    assert max(loads) < 0.7 * sum(loads)


def test_a_course_of_one_member_has_one_half() -> None:
    with one_thread():
        halves = Halves(MEMBERS[:1], WIDTHS, 1, course().seed)
        assert len(halves.stacks) == 1
        assert halves(VALUES).shape == (1, len(VALUES[0]), 1)
