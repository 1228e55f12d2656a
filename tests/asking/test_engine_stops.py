"""What ends a run early, what it keeps, and that nothing is asked afterwards."""

import pytest

from tasks.asking.provider import DailyQuotaError, QuestionRejectedError, TryAgainError

DAILY = DailyQuotaError("429 RESOURCE_EXHAUSTED")
BAD_KEY = QuestionRejectedError("400 API key not valid", for_all=True)
BAD_AUDIO = QuestionRejectedError("400 no audio", for_all=False)


def from_call(n: int, error: Exception, answer):
    """From call n on, every call fails."""
    return lambda call, question: answer if call < n else error


def test_the_daily_quota_stops_the_run_and_keeps_what_arrived(make_run, answer):
    run = make_run(from_call(3, DAILY, answer))
    outcome = run.ask(10)
    assert outcome.stopped == "the daily quota is used up (429 RESOURCE_EXHAUSTED)"
    assert outcome.out_of_money
    assert (outcome.answered, sorted(run.kept), len(run.provider.asked)) == (3, ["q0", "q1", "q2"], 4)


def test_a_rejected_key_stops_the_run_at_the_first_question(make_run):
    run = make_run(lambda call, question: BAD_KEY)
    outcome = run.ask(10)
    assert (outcome.stopped, outcome.out_of_money) == ("400 API key not valid", False)
    assert outcome.failed == {"q0": "400 API key not valid"}
    assert len(run.provider.asked) == 1


def test_a_rejected_question_fails_alone_and_is_not_asked_again(make_run, answer):
    run = make_run(lambda call, question: BAD_AUDIO if question.draw == 1 else answer)
    outcome = run.ask(4)
    assert (outcome.answered, outcome.failed, outcome.stopped) == (3, {"q1": "400 no audio"}, None)
    assert len(run.provider.asked) == 4


def test_twenty_questions_in_a_row_without_an_answer_mean_that_the_provider_is_out(make_run):
    run = make_run(lambda call, question: TryAgainError("503 overloaded", 1), attempts=2)
    outcome = run.ask(100)
    assert outcome.stopped == "the provider is out: 20 questions in a row got no answer, the last: 503 overloaded"
    assert not outcome.out_of_money
    assert (len(outcome.failed), len(run.provider.asked)) == (20, 40)


def test_an_answer_in_between_starts_the_count_anew(make_run, answer):
    run = make_run(lambda call, question: answer if call == 19 else TryAgainError("503"), attempts=1)
    outcome = run.ask(39)
    assert (outcome.stopped, outcome.answered, len(outcome.failed)) == (None, 1, 38)


def test_no_question_that_waits_in_a_back_off_is_asked_after_the_stop(make_run, answer):
    """Question 0 is to be asked again at 11 s; the quota ends at 3 s."""

    def script(call: int, question):
        return TryAgainError("503", 10) if question.draw == 0 else DAILY if call == 3 else answer

    run = make_run(script, concurrency=2)
    outcome = run.ask(20)
    assert run.provider.asked == [(0, 0), (0, 1), (1, 2), (2, 3)]
    assert outcome.failed == {"q0": "not asked: the run was stopped"}
    assert outcome.stopped.startswith("the daily quota")


def test_no_question_that_waits_for_its_turn_is_asked_after_the_stop(make_run):
    """One call a minute: call 0 ends the run at 1 s, while seven others wait for the limit."""
    run = make_run(lambda call, question: BAD_KEY, requests_per_minute=1, concurrency=8)
    outcome = run.ask(20)
    assert run.provider.asked == [(0, 0)]
    assert outcome.stopped == "400 API key not valid"


def test_calls_under_way_at_the_stop_are_awaited_and_kept(make_run, answer):
    """They are paid in any case."""
    run = make_run(lambda call, question: DAILY if call == 0 else answer, concurrency=4)
    outcome = run.ask(20)
    assert (outcome.answered, len(run.provider.asked)) == (3, 4)
    assert sorted(run.kept) == ["q1", "q2", "q3"]


def test_the_first_reason_to_stop_is_the_one_that_is_told(make_run):
    run = make_run(lambda call, question: BAD_KEY if call == 0 else DAILY, concurrency=2)
    assert run.ask(5).stopped == "400 API key not valid"


def test_an_error_that_no_provider_promised_is_not_swallowed(make_run, answer):
    run = make_run(from_call(2, ZeroDivisionError("a bug"), answer))
    with pytest.raises(ExceptionGroup) as caught:
        run.ask(5)
    assert caught.group_contains(ZeroDivisionError, match="a bug")
    assert sorted(run.kept) == ["q0", "q1"]


def test_an_answer_that_cannot_be_stored_is_not_swallowed(make_run):
    """Asking on would pay for answers that nobody keeps."""

    def keep(key: str, stored) -> None:
        raise OSError("no space left on device")

    run = make_run(keep=keep)
    outcome = run.ask(5)
    assert outcome.cannot_store
    assert outcome.stopped == "an answer could not be stored: no space left on device"
    assert outcome.answered == 0
    assert len(run.provider.asked) == 1
