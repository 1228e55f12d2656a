"""What a call can take is learned from what calls took."""

from datetime import datetime

import pytest

from tasks.asking.job import Job
from tasks.asking.meter import Meter
from tasks.asking.money import Price
from tasks.asking.provider import Answer, Question
from tasks.storage.answers import Spent

PRICE = Price(audio_input=3.0, text_input=1.0, output=10.0, as_of="2026-11")  # dollars per million
AS_RESERVED_USD = (100 * 3 + 50 * 1 + 1024 * 10) / 1e6


def job(draws: int = 1) -> Job:
    keys = tuple(f"q{n}" for n in range(draws))
    return Job(keys, tuple(range(draws)), lambda asked: Question("", asked), 100, 50, 1024)


def answer(input_tokens: int | None, output_tokens: int | None = 10, audio_tokens: int | None = None) -> Answer:
    return Answer("{}", None, "m", input_tokens, output_tokens, audio_tokens)


def test_before_any_answer_the_estimate_stands():
    assert Meter(PRICE).most(job()) == Spent(calls=1, tokens=150 + 1024, usd=pytest.approx(AS_RESERVED_USD))


def test_without_a_price_dollars_are_zero():
    meter = Meter(None)
    assert (meter.most(job()).usd, meter.took(job(), [answer(150)])[0].usd) == (0, 0)


def test_more_input_than_estimated_raises_the_estimates_that_follow():
    meter = Meter(PRICE)
    meter.took(job(), [answer(300, audio_tokens=200)])
    assert meter.input_tokens(job()) == 300
    assert meter.most(job()).tokens == 300 + 1024


def test_less_input_than_estimated_lowers_nothing():
    meter = Meter(PRICE)
    meter.took(job(), [answer(15, audio_tokens=10)])
    assert meter.most(job()).tokens == 150 + 1024


def test_the_highest_usage_so_far_counts():
    meter = Meter(PRICE)
    meter.took(job(), [answer(300, audio_tokens=200)])
    meter.took(job(), [answer(150, audio_tokens=100)])
    assert meter.input_tokens(job()) == 300


def test_where_audio_is_not_told_from_text_the_next_reservation_is_as_dear_as_the_booking():
    """All input counts as the dearer then: 150 tokens at $3 and not 100 at $3 and 50 at $1."""
    meter = Meter(PRICE)
    (took,) = meter.took(job(), [answer(150, 1024)])
    assert took.usd == pytest.approx((150 * 3 + 1024 * 10) / 1e6)
    assert meter.most(job()).usd == pytest.approx(took.usd)


def test_dearer_audio_and_less_text_than_estimated_raise_the_dollars_although_the_tokens_are_the_same():
    meter = Meter(PRICE)
    (took,) = meter.took(job(), [answer(150, 1024, audio_tokens=140)])
    assert meter.most(job()).usd == pytest.approx(took.usd)


def test_more_output_than_the_limit_that_was_set_raises_the_reservations_that_follow():
    """Thoughts may come on top of it."""
    meter = Meter(PRICE)
    meter.took(job(), [answer(150, 2048, audio_tokens=100)])
    assert meter.most(job()).tokens == 150 + 2048


def test_the_input_of_several_candidates_is_counted_once():
    meter = Meter(PRICE)
    took = meter.took(job(2), [answer(150, 10, 100), answer(0, 20, 0)])
    assert [spent.tokens for spent in took] == [160, 20]
    assert meter.most(job(2)).tokens == 150 + 2 * 1024


def test_an_answer_without_usage_counts_as_the_most_that_it_can_have_taken():
    """A ceiling holds only if all is counted; what it cost is not known, and not made up."""
    meter, most = Meter(PRICE), Meter(PRICE).most(job())
    assert meter.took(job(), [answer(None, None)]) == [Spent(1, most.tokens, most.usd, most.usd)]
    assert meter.stored(answer(None, None), latency_s=1).cost_usd is None


def test_an_answer_is_kept_with_its_usage_its_cost_and_its_time():
    stored = Meter(PRICE).stored(answer(150, 10, 100), latency_s=1.234567)
    assert (stored.input_tokens, stored.output_tokens, stored.audio_tokens) == (150, 10, 100)
    assert stored.cost_usd == pytest.approx((100 * 3 + 50 * 1 + 10 * 10) / 1e6)
    assert stored.latency_s == 1.2346
    assert datetime.fromisoformat(stored.answered_at).utcoffset() is not None
