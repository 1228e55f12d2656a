"""Ceilings of dollars, calls and tokens that calls in flight cannot pass."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.money import Allowance, Ceiling
from tasks.storage.answers import Spent


def usd(amount: float) -> Spent:
    return Spent(calls=1, usd=amount)


def dollars(left: float) -> Ceiling:
    return Ceiling(left, f"${left:g}", "")


def test_a_reservation_beyond_the_ceiling_is_refused_by_its_ceiling():
    ceiling = dollars(1.0)
    allowance = Allowance(usd=[ceiling])
    assert [allowance.reserve(usd(amount)) for amount in (0.5, 0.5, 0.25)] == [None, None, ceiling]


def test_a_refused_reservation_sets_nothing_aside():
    allowance = Allowance(usd=[dollars(1.0)])
    assert allowance.reserve(usd(2.0)) is not None
    assert allowance.reserve(usd(1.0)) is None


def test_what_a_call_did_not_cost_can_be_spent_on_the_next():
    allowance = Allowance(usd=[dollars(1.0)])
    allowance.reserve(usd(1.0))
    allowance.settle(usd(1.0), usd(0.25))
    assert allowance.reserve(usd(1.0)) is not None
    assert allowance.reserve(usd(0.75)) is None


def test_a_call_that_got_no_answer_gives_all_of_its_reservation_back():
    allowance = Allowance(usd=[dollars(1.0)], calls=Ceiling(1, "calls", ""))
    allowance.reserve(usd(1.0))
    allowance.settle(usd(1.0), Spent())
    assert allowance.used == Spent()
    assert allowance.reserve(usd(1.0)) is None


def test_of_several_ceilings_of_dollars_the_lowest_holds():
    allowance = Allowance(usd=[dollars(3.0), dollars(1.0), dollars(2.0)])
    assert allowance.reserve(usd(1.5)) == dollars(1.0)


@pytest.mark.parametrize(("kind", "most"), [("calls", Spent(calls=1)), ("tokens", Spent(tokens=500))])
def test_calls_and_tokens_have_ceilings_of_their_own(kind: str, most: Spent):
    ceiling = Ceiling(2.5 * (most.calls + most.tokens), f"{kind} per day", "Tomorrow.")
    allowance = Allowance(**{kind: ceiling})
    assert [allowance.reserve(most) for _ in range(3)] == [None, None, ceiling]


def test_without_a_ceiling_nothing_is_refused_and_all_is_counted():
    allowance = Allowance()
    assert allowance.reserve(usd(1e9)) is None
    allowance.settle(usd(1e9), usd(1e8))
    assert allowance.used == usd(1e8)


def test_sums_that_reach_the_ceiling_but_for_rounding_are_let_through():
    """Ten times $0.10 is $0.9999999999999999, and three times is $0.30000000000000004."""
    allowance = Allowance(usd=[dollars(0.3)])
    assert [allowance.reserve(usd(0.1)) for _ in range(3)] == [None] * 3


EIGHTHS = st.integers(0, 400).map(lambda n: n / 8)  # exact, so a violation is not rounding


@given(EIGHTHS, st.lists(st.tuples(EIGHTHS, st.integers(0, 8), st.booleans()), max_size=40))
def test_reserving_and_settling_in_any_order_never_passes_the_ceiling(ceiling_usd, calls):
    """Each call costs between nothing and what was reserved; some stay in flight. Re-counted in whole fractions."""
    allowance = Allowance(usd=[dollars(ceiling_usd)])
    in_flight: list[tuple[float, float]] = []
    paid = Fraction(0)
    for most_usd, eighths, settle_oldest in calls:
        room = Fraction(ceiling_usd) - paid - sum((Fraction(most) for most, _ in in_flight), Fraction(0))
        is_allowed = allowance.reserve(usd(most_usd)) is None
        assert is_allowed == (Fraction(most_usd) <= room)
        if is_allowed:
            in_flight.append((most_usd, most_usd * eighths / 8))
        if settle_oldest and in_flight:
            reserved_usd, paid_usd = in_flight.pop(0)
            allowance.settle(usd(reserved_usd), usd(paid_usd))
            paid += Fraction(paid_usd)
        assert allowance.used.usd == paid <= ceiling_usd
