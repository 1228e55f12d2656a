"""What ends a run early, what it keeps, and that nothing is asked afterwards."""

import sqlite3
from dataclasses import replace

import diskcache
import pytest

from tasks.asking.job import Stop
from tasks.asking.money import Allowance, Ceiling
from tasks.asking.provider import DailyQuotaError, QuestionRejectedError, TryAgainError

DAILY = DailyQuotaError("429 RESOURCE_EXHAUSTED")
BAD_KEY = QuestionRejectedError("400 API key not valid", for_all=True)
BAD_AUDIO = QuestionRejectedError("400 no audio", for_all=False)

MAKE_ROOM = "Make room on that disk; then the same command asks for the rest."


def from_call(n: int, error: Exception, answer):
    """From call n on, every call fails."""
    return lambda call, question: answer if call < n else error


def test_the_daily_quota_stops_the_run_and_keeps_what_arrived(make_run, answer):
    run = make_run(from_call(3, DAILY, answer))
    outcome = run.ask(10)
    assert outcome.stopped == Stop("the daily quota is used up (429 RESOURCE_EXHAUSTED)", "quota", "Tomorrow.")
    assert (outcome.answered, sorted(run.kept.answers), len(run.provider.asked)) == (3, ["q0", "q1", "q2"], 4)


def test_a_rejected_key_stops_the_run_at_the_first_question(make_run):
    run = make_run(lambda call, question: BAD_KEY, concurrency=64)
    outcome = run.ask(100)
    assert outcome.stopped == Stop("400 API key not valid", "provider")
    assert outcome.failed == {"q0": "400 API key not valid"}
    assert len(run.provider.asked) == 1


def test_a_rejected_question_fails_alone_and_is_not_asked_again(make_run, answer):
    run = make_run(lambda call, question: BAD_AUDIO if question.draws == (1,) else answer)
    outcome = run.ask(4)
    assert (outcome.answered, outcome.failed, outcome.stopped) == (3, {"q1": "400 no audio"}, None)
    assert len(run.provider.asked) == 4


def test_twenty_rejected_questions_without_any_answer_stop_the_run(make_run):
    outcome = make_run(lambda call, question: BAD_AUDIO).ask(100)
    told = "the first 20 questions were all rejected, the last: 400 no audio"
    assert (outcome.stopped, len(outcome.failed)) == (Stop(told, "provider"), 20)


def test_any_number_of_rejected_questions_after_an_answer_do_not(make_run, answer):
    outcome = make_run(from_call(1, BAD_AUDIO, answer)).ask(100)
    assert (outcome.stopped, outcome.answered, len(outcome.failed)) == (None, 1, 99)


def test_a_file_that_cannot_be_read_is_a_rejected_question_that_is_not_sent(make_run):
    run = make_run()
    asked = run.job

    def job(number: int):
        def read(draws):
            raise QuestionRejectedError("gone.wav: cannot be read", for_all=False)

        return replace(asked(number), read=read) if number == 1 else asked(number)

    run.job = job
    outcome = run.ask(3)
    assert (outcome.failed, run.provider.draws) == ({"q1": "gone.wav: cannot be read"}, [(0,), (2,)])


def test_twenty_questions_in_a_row_without_an_answer_mean_that_the_provider_is_out(make_run):
    run = make_run(lambda call, question: TryAgainError("503 overloaded", 1), attempts=2)
    outcome = run.ask(100)
    told = "the provider is out: 20 questions in a row got no answer, the last: 503 overloaded"
    assert outcome.stopped == Stop(told, "provider")
    assert (len(outcome.failed), len(run.provider.asked)) == (20, 40)


def test_an_answer_in_between_starts_the_count_anew(make_run, answer):
    run = make_run(lambda call, question: answer if call == 19 else TryAgainError("503"), attempts=1)
    outcome = run.ask(39)
    assert (outcome.stopped, outcome.answered, len(outcome.failed)) == (None, 1, 38)


def test_a_server_that_turns_all_away_for_more_than_five_minutes_stops_the_run(make_run):
    run = make_run(lambda call, question: TryAgainError("429 slow down", 3600, limited=True), concurrency=8)
    outcome = run.ask(20)
    told = "the provider asks to wait 60 minutes (429 slow down)"
    assert outcome.stopped == Stop(told, "quota", "Run the same command after that.")
    assert len(run.provider.asked) == 1


def test_who_waits_in_a_back_off_is_let_go_at_the_stop_and_not_asked(make_run, answer):
    """Question 1 is to be asked again at 102 s; the quota ends at 4 s."""

    def script(call: int, question):
        return TryAgainError("503", 100) if question.draws == (1,) else DAILY if call == 4 else answer

    run = make_run(script, concurrency=2)
    outcome = run.ask(20)
    assert run.provider.asked == [(0, (0,)), (1, (1,)), (1, (2,)), (2, (3,)), (3, (4,))]
    assert outcome.failed == {"q1": "not asked: the run was stopped", "q4": "429 RESOURCE_EXHAUSTED"}
    assert run.time.now() == 4


def test_who_waits_for_the_rate_is_let_go_at_the_stop_and_not_asked(make_run, answer):
    """One call a minute: call 1 ends the run a second after it was sent, while seven others wait for the limit."""
    run = make_run(from_call(1, BAD_KEY, answer), requests_per_minute=1, concurrency=8)
    outcome = run.ask(20)
    assert run.provider.draws == [(0,), (1,)]
    assert outcome.stopped == Stop("400 API key not valid", "provider")
    assert run.time.now() == run.provider.times[1] + 1


def test_who_waits_for_a_pause_of_all_is_let_go_at_the_stop(make_run, answer):
    """Everyone is to wait 200 s; a call that was under way ends the run two seconds later."""
    replies = {0: answer, 1: TryAgainError("429", 200, limited=True), 2: BAD_KEY}

    def takes_s(call: int) -> float:
        return 3 if call == 2 else 1

    run = make_run(lambda call, question: replies[call], concurrency=8, requests_per_minute=None)
    run.provider.takes_s = takes_s
    run.ask(3)
    assert run.time.now() == 4


def test_who_waits_for_calls_to_settle_is_let_go_at_the_stop(make_run, answer):
    """There is money for two calls at a time; the quota ends while the others wait for it."""
    allowance = Allowance(calls=Ceiling(3, "requests_per_day", ""))
    run = make_run(from_call(1, DAILY, answer), allowance=allowance, concurrency=8)
    outcome = run.ask(20)
    assert (len(run.provider.asked), run.time.now()) == (3, 2)
    assert outcome.stopped.why.startswith("the daily quota is used up")


def test_calls_under_way_at_the_stop_are_awaited_and_kept(make_run, answer):
    """They are paid in any case."""
    run = make_run(lambda call, question: DAILY if call == 1 else answer, concurrency=4)
    outcome = run.ask(20)
    assert (outcome.answered, len(run.provider.asked)) == (4, 5)
    assert sorted(run.kept.answers) == ["q0", "q2", "q3", "q4"]


def test_the_first_reason_to_stop_is_the_one_that_is_told(make_run, answer):
    run = make_run(lambda call, question: [answer, BAD_KEY, DAILY][call], concurrency=2)
    assert run.ask(5).stopped.why == "400 API key not valid"


def test_after_a_stop_a_later_round_asks_nothing(make_run, answer):
    run = make_run(from_call(1, DAILY, answer))
    run.ask(5)
    run.ask(5)
    assert len(run.provider.asked) == 2


def test_an_error_that_no_provider_promised_is_not_swallowed(make_run, answer):
    run = make_run(from_call(2, ZeroDivisionError("a bug"), answer))
    with pytest.raises(ExceptionGroup) as caught:
        run.ask(5)
    assert caught.group_contains(ZeroDivisionError, match="a bug")
    assert sorted(run.kept.answers) == ["q0", "q1"]


@pytest.mark.parametrize(
    "error", [OSError("no space left"), sqlite3.OperationalError("disk full"), diskcache.Timeout()]
)
def test_an_answer_that_cannot_be_stored_stops_the_run(make_run, new_kept, error):
    """Asking on would pay for answers that nobody keeps."""

    class Full(new_kept):
        def keep(self, key, answer, spent) -> None:
            raise error

    run = make_run(kept=Full())
    outcome = run.ask(5)
    assert outcome.stopped == Stop(f"an answer could not be stored: {error}", "store", MAKE_ROOM)
    assert (outcome.answered, len(run.provider.asked)) == (0, 1)


def test_a_cost_that_cannot_be_stored_stops_the_run(make_run, new_kept):
    class Full(new_kept):
        def charge(self, spent) -> None:
            raise OSError("no space left")

    run = make_run(lambda call, question: TryAgainError("timed out", may_be_paid=True), kept=Full())
    outcome = run.ask(5)
    assert outcome.stopped == Stop("what a call may have cost could not be stored: no space left", "store", MAKE_ROOM)
    assert len(run.provider.asked) == 1
