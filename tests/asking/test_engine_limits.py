"""The engine keeps to the concurrency, the rate and the budget, and holds little audio at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.money import Price
from tasks.asking.provider import Answer, TryAgainError

# 100 audio and 50 text tokens in, at most 1024 out: a call costs $2048 of output at most, and nothing else
PRICE = Price(audio_input=0.0, text_input=0.0, output=2e6, as_of="2026-11")
MOST_USD = 2048.0


def answer_of(output_tokens: int) -> Answer:
    return Answer("{}", None, "made-up-1", 100, output_tokens)


@pytest.mark.parametrize("concurrency", [1, 3, 64])
def test_so_many_calls_are_under_way_at_once_and_never_more(make_run, concurrency):
    run = make_run(concurrency=concurrency)
    assert run.ask(100).answered == 100
    assert run.provider.most_in_flight == concurrency


def test_calls_under_way_do_not_pass_the_concurrency_when_they_are_repeated(make_run, answer):
    run = make_run(lambda call, question: TryAgainError("503") if call % 2 else answer, concurrency=4)
    run.ask(50)
    assert run.provider.most_in_flight == 4


def test_repeated_calls_count_towards_the_rate(make_run, answer):
    run = make_run(
        lambda call, question: TryAgainError("503", 0) if call % 2 else answer, requests_per_minute=60, concurrency=8
    )
    run.ask(10)
    assert run.provider.times == pytest.approx([*range(len(run.provider.times))])


def test_the_rate_counts_a_calls_audio_and_text_tokens(make_run):
    run = make_run(tokens_per_minute=150, concurrency=8)
    run.ask(4)
    assert run.provider.times == pytest.approx([0, 60, 120, 180])


def test_audio_is_read_when_its_turn_comes(make_run, answer):
    """Never more clips in memory than calls under way: at call n, n answers are in and 3 questions are read."""
    reads_at_call = []

    def script(call: int, question):
        reads_at_call.append(len(run.read))
        return answer

    run = make_run(script, concurrency=3)
    run.ask(30)
    assert all(reads <= call + 3 for call, reads in enumerate(reads_at_call))
    assert run.read == [*range(30)]


def test_questions_are_asked_in_their_order(make_run):
    run = make_run(concurrency=4)
    run.ask(20)
    assert [draw for _, draw in run.provider.asked] == [*range(20)]


def test_an_answer_is_kept_with_what_it_cost(make_run):
    run = make_run(lambda call, question: answer_of(3), price=PRICE)
    run.ask(1)
    assert run.kept["q0"].cost_usd == run.budget.paid_usd == 6


def test_without_a_price_the_cost_is_unknown_and_not_zero(make_run):
    run = make_run()
    run.ask(1)
    assert run.kept["q0"].cost_usd is None


def test_the_budget_stops_the_run_before_the_ceiling_and_keeps_what_arrived(make_run):
    run = make_run(lambda call, question: answer_of(1024), price=PRICE, ceiling_usd=3.5 * MOST_USD)
    outcome = run.ask(10)
    assert outcome.stopped == "the budget of $7168 is spent"
    assert outcome.out_of_money
    assert (outcome.answered, len(run.kept), run.budget.paid_usd) == (3, 3, 3 * MOST_USD)


def test_a_question_that_got_no_answer_costs_nothing(make_run):
    run = make_run(lambda call, question: TryAgainError("503"), price=PRICE, ceiling_usd=MOST_USD, attempts=1)
    outcome = run.ask(10)
    assert (outcome.stopped, len(outcome.failed), run.budget.paid_usd) == (None, 10, 0)


def test_a_budget_for_ten_calls_is_spent_on_ten_calls_however_many_could_be_under_way(make_run):
    """Calls that wait for the rate limit hold reservations; that money is not spent."""
    run = make_run(
        lambda call, question: answer_of(1024),
        price=PRICE,
        ceiling_usd=10 * MOST_USD,
        requests_per_minute=1000,
        concurrency=64,
    )
    assert run.ask(100).answered == 10


@given(
    tokens=st.lists(st.integers(0, 1024), min_size=1, max_size=40),
    calls=st.integers(1, 30),
    concurrency=st.integers(1, 16),
)
def test_a_budget_is_never_passed_and_never_given_up_while_it_allows_another_call(make_run, tokens, calls, concurrency):
    ceiling_usd = calls * MOST_USD / 4 + MOST_USD
    run = make_run(
        lambda call, question: answer_of(tokens[call % len(tokens)]),
        price=PRICE,
        ceiling_usd=ceiling_usd,
        concurrency=concurrency,
    )
    outcome = run.ask(60)
    assert run.budget.paid_usd <= ceiling_usd
    assert outcome.answered == 60 or run.budget.paid_usd + MOST_USD > ceiling_usd
