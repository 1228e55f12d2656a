"""No ceiling of dollars, calls or tokens is passed, whatever arrives, and none stops a call that would still fit."""

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.job import Stop
from tasks.asking.money import Allowance, Ceiling, Price
from tasks.asking.provider import Answer, TryAgainError
from tasks.storage.answers import Spent

# 100 audio and 50 text tokens in, at most 1024 out: a call costs $2048 of output at most, and nothing else
PRICE = Price(audio_input=0.0, text_input=0.0, output=2e6, as_of="2026-11")
MOST_USD = 2048.0
MOST_TOKENS = 150 + 1024
LOST = TryAgainError("timed out", 0, may_be_paid=True)


def answer_of(output_tokens: int, input_tokens: int = 150) -> Answer:
    return Answer("{}", None, "made-up-1", input_tokens, output_tokens, audio_tokens=100)


def dollars(left: float) -> Allowance:
    return Allowance(usd=[Ceiling(left, "the budget", "Raise it.")])


def test_an_answer_is_kept_with_what_it_cost(make_run):
    run = make_run(lambda call, question: answer_of(3), price=PRICE)
    outcome = run.ask(1)
    assert run.kept.answers["q0"].cost_usd == 6
    assert run.kept.spent == run.allowance.used == outcome.spent == Spent(calls=1, tokens=153, usd=6)


def test_without_a_price_the_cost_is_unknown_and_not_zero(make_run):
    run = make_run()
    run.ask(1)
    assert run.kept.answers["q0"].cost_usd is None


def test_a_spent_budget_stops_the_run_keeps_what_arrived_and_says_how_to_go_on(make_run):
    run = make_run(lambda call, question: answer_of(1024), price=PRICE, allowance=dollars(3.5 * MOST_USD))
    outcome = run.ask(10)
    assert outcome.stopped == Stop("the budget is used up", "quota", "Raise it.")
    assert (outcome.answered, len(run.kept.answers), run.allowance.used.usd) == (3, 3, 3 * MOST_USD)


def test_the_calls_of_a_day_stop_the_run_and_say_when_to_go_on(make_run):
    allowance = Allowance(calls=Ceiling(3, "requests_per_day", "Tomorrow."))
    outcome = make_run(allowance=allowance, concurrency=8).ask(10)
    assert (outcome.stopped, outcome.calls) == (Stop("requests_per_day is used up", "quota", "Tomorrow."), 3)


def test_the_tokens_of_a_day_stop_the_run_and_say_when_to_go_on(make_run):
    """Each call may take 1,174 and takes 160: after the third, 1,520 of 2,000 are left; after the sixth, 1,040."""
    allowance = Allowance(tokens=Ceiling(2000, "tokens_per_day", "Tomorrow."))
    run = make_run(lambda call, question: answer_of(10), allowance=allowance)
    outcome = run.ask(10)
    assert (outcome.stopped, outcome.calls) == (Stop("tokens_per_day is used up", "quota", "Tomorrow."), 6)


def test_nothing_is_sent_where_the_quota_was_used_up_before(make_run):
    allowance = Allowance(calls=Ceiling(-2, "requests_per_day", "Tomorrow."))
    run = make_run(allowance=allowance)
    assert run.ask(10).stopped.kind == "quota"
    assert run.provider.asked == []


def test_a_question_that_got_no_answer_costs_nothing(make_run):
    run = make_run(lambda call, question: TryAgainError("503"), price=PRICE, allowance=dollars(MOST_USD), attempts=1)
    outcome = run.ask(10)
    assert (outcome.stopped, len(outcome.failed), run.allowance.used, run.kept.charged) == (None, 10, Spent(), [])


def test_a_call_whose_answer_got_lost_is_charged_at_its_reservation(make_run):
    run = make_run(lambda call, question: LOST, price=PRICE, attempts=1)
    outcome = run.ask(1)
    lost = Spent(calls=1, tokens=MOST_TOKENS, usd=MOST_USD, unconfirmed_usd=MOST_USD)
    assert run.kept.charged == [lost]
    assert run.allowance.used == outcome.spent == lost


def test_a_retry_after_a_lost_answer_needs_money_of_its_own(make_run):
    run = make_run(lambda call, question: LOST, price=PRICE, allowance=dollars(2.5 * MOST_USD))
    outcome = run.ask(1)
    assert len(run.provider.asked) == 2
    assert outcome.stopped == Stop("the budget is used up", "quota", "Raise it.")
    assert outcome.failed == {"q0": "not asked: the run was stopped"}


def test_calls_under_way_at_an_interrupt_are_charged_and_those_that_wait_are_not(make_run):
    """The model answers them all the same. Three a minute: at 25 s the second is under way, three others wait."""
    run = make_run(lambda call, question: answer_of(3), price=PRICE, concurrency=4, requests_per_minute=3)
    run.provider.takes_s = lambda call: 1 if call == 0 else 1000

    async def interrupt() -> None:
        asking = asyncio.ensure_future(run.begin(10))
        await asyncio.sleep(25)
        asking.cancel()  # as asyncio does at Ctrl-C
        await asyncio.wait([asking])

    run.time.run(interrupt())
    assert len(run.provider.asked) == 2
    assert run.kept.charged == [Spent(1, MOST_TOKENS, MOST_USD, MOST_USD)]


def test_a_budget_for_ten_calls_is_spent_on_ten_calls_however_many_could_be_under_way(make_run):
    """Calls that wait for the rate limit hold reservations; that money is not spent."""
    run = make_run(
        lambda call, question: answer_of(1024),
        price=PRICE,
        allowance=dollars(10 * MOST_USD),
        requests_per_minute=1000,
        concurrency=64,
    )
    assert run.ask(100).answered == 10


def test_usage_above_the_estimate_raises_the_reservations_that_follow(make_run):
    """The first call's input costs twice the estimate, so of three times the estimate no second call is sent."""
    price = Price(audio_input=1e6, text_input=1e6, output=0, as_of="2026-11")
    twice = replace(answer_of(0, input_tokens=300), audio_tokens=200)
    run = make_run(lambda call, question: twice, price=price, allowance=dollars(3 * 150.0), concurrency=8)
    assert run.ask(10).calls == 1
    assert run.allowance.used.usd == 300


REPLIES = st.lists(st.one_of(st.integers(0, 1024), st.sampled_from(["lost", "503", "429"])), min_size=1, max_size=40)


def scripted(replies: list[int | str]):
    """An answer of so many tokens, or what went wrong, again and again from the beginning."""
    errors = {"lost": LOST, "503": TryAgainError("503"), "429": TryAgainError("429", limited=True)}

    def script(call: int, question):
        reply = replies[call % len(replies)]
        return errors[reply] if isinstance(reply, str) else answer_of(reply)

    return script


@given(replies=REPLIES, calls=st.integers(1, 30), concurrency=st.integers(1, 16))
def test_dollars_are_never_passed_and_never_given_up_while_another_call_would_fit(
    make_run, replies, calls, concurrency
):
    """Whatever answers, losses and time-outs come."""
    ceiling_usd = calls * MOST_USD / 4 + MOST_USD
    run = make_run(scripted(replies), price=PRICE, allowance=dollars(ceiling_usd), concurrency=concurrency, attempts=2)
    outcome = run.ask(60)
    assert run.kept.spent.usd == run.allowance.used.usd <= ceiling_usd
    ran_out = outcome.stopped is not None and outcome.stopped.kind == "quota"
    assert not ran_out or run.allowance.used.usd + MOST_USD > ceiling_usd


@given(replies=REPLIES, calls=st.integers(1, 70), concurrency=st.integers(1, 16))
def test_calls_are_never_passed_and_never_given_up_while_another_would_fit(make_run, replies, calls, concurrency):
    allowance = Allowance(calls=Ceiling(calls, "requests_per_day", ""))
    run = make_run(scripted(replies), allowance=allowance, concurrency=concurrency, attempts=2)
    outcome = run.ask(60)
    assert run.kept.spent.calls <= calls
    ran_out = outcome.stopped is not None and outcome.stopped.kind == "quota"
    assert not ran_out or run.kept.spent.calls == calls


@given(replies=REPLIES, tokens=st.integers(MOST_TOKENS, 40 * MOST_TOKENS), concurrency=st.integers(1, 16))
def test_tokens_are_never_passed_and_never_given_up_while_another_call_would_fit(
    make_run, replies, tokens, concurrency
):
    allowance = Allowance(tokens=Ceiling(tokens, "tokens_per_day", ""))
    run = make_run(scripted(replies), allowance=allowance, concurrency=concurrency, attempts=2)
    outcome = run.ask(60)
    assert run.kept.spent.tokens <= tokens
    ran_out = outcome.stopped is not None and outcome.stopped.kind == "quota"
    assert not ran_out or run.kept.spent.tokens + MOST_TOKENS > tokens
