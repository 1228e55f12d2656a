"""What calls cost, and a ceiling that calls in flight cannot pass."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.money import Budget, Price, price_list
from tasks.asking.provider import Answer
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.simulated import SimulatedSettings

PRICE = Price(audio_input=1.0, text_input=0.3, output=2.5, as_of="2026-11")


def answer(input_tokens: int | None, output_tokens: int | None) -> Answer:
    return Answer("{}", None, "m", input_tokens, output_tokens)


def test_prices_are_dollars_per_million_tokens():
    """200,000 × $1 + 40,000 × $2.50 per million."""
    assert PRICE.of(answer(200_000, 40_000)) == pytest.approx(0.2 + 0.1)


def test_an_estimate_prices_audio_text_and_output_each_at_its_own():
    assert PRICE.estimate(100_000, 200_000, 40_000) == pytest.approx(0.1 + 0.06 + 0.1)


def test_an_answer_without_token_counts_costs_nothing_that_we_know_of():
    assert PRICE.of(answer(None, None)) == 0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 1024))
def test_what_an_answer_is_booked_at_is_never_less_than_its_price(audio: int, text: int, output: int):
    """The usage does not tell audio from text here, so all input counts as the dearer."""
    assert PRICE.of(answer(audio + text, output)) >= PRICE.estimate(audio, text, output) - 1e-12


def test_the_shipped_price_list_knows_the_models_that_are_asked_by_default():
    prices = price_list()
    assert prices[GeminiSettings().model].output > 0
    assert prices[SimulatedSettings().model].estimate(1e6, 1e6, 1e6) == 0


@pytest.mark.parametrize("model", sorted(price_list()))
def test_every_shipped_price_is_dated_and_audio_is_never_cheaper_than_text(model: str):
    """`Price.of` is an upper bound only as long as audio is the dearer."""
    price = price_list()[model]
    assert date.fromisoformat(f"{price.as_of}-01") >= date(2026, 1, 1)
    assert price.audio_input >= price.text_input >= 0 <= price.output


def test_a_reservation_beyond_the_ceiling_is_refused():
    budget = Budget(1.0)
    assert [budget.reserve(0.5), budget.reserve(0.5), budget.reserve(0.25)] == [True, True, False]


def test_a_refused_reservation_sets_nothing_aside():
    budget = Budget(1.0)
    assert not budget.reserve(2.0)
    assert budget.reserve(1.0)


def test_what_a_call_did_not_cost_can_be_spent_on_the_next():
    budget = Budget(1.0)
    budget.reserve(1.0)
    budget.settle(1.0, 0.25)
    assert [budget.reserve(1.0), budget.reserve(0.75)] == [False, True]


def test_a_call_that_got_no_answer_gives_all_of_its_reservation_back():
    budget = Budget(1.0)
    budget.reserve(1.0)
    budget.settle(1.0, 0.0)
    assert budget.paid_usd == 0
    assert budget.reserve(1.0)


def test_without_a_ceiling_nothing_is_refused_and_all_is_counted():
    budget = Budget(None)
    assert budget.reserve(1e9)
    budget.settle(1e9, 1e8)
    assert budget.paid_usd == 1e8


CENTS = st.integers(0, 400).map(lambda n: n / 8)  # eighths are exact, so a violation is not rounding


@given(CENTS, st.lists(st.tuples(CENTS, st.integers(0, 8), st.booleans()), max_size=40))
def test_reserving_and_settling_in_any_order_never_passes_the_ceiling(ceiling_usd, calls):
    """Each call costs between nothing and what was reserved; some stay in flight. Re-counted in whole fractions."""
    budget = Budget(ceiling_usd)
    in_flight: list[tuple[float, float]] = []
    paid = Fraction(0)
    for most_usd, eighths, settle_oldest in calls:
        room = Fraction(ceiling_usd) - paid - sum((Fraction(most) for most, _ in in_flight), Fraction(0))
        allowed = budget.reserve(most_usd)
        assert allowed == (Fraction(most_usd) <= room)
        if allowed:
            in_flight.append((most_usd, most_usd * eighths / 8))
        if settle_oldest and in_flight:
            reserved_usd, paid_usd = in_flight.pop(0)
            budget.settle(reserved_usd, paid_usd)
            paid += Fraction(paid_usd)
        assert budget.paid_usd == paid <= ceiling_usd
