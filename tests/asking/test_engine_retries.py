"""A question that gets no answer is asked again when the server wants it, and given up at last."""

import random
from itertools import pairwise

import pytest

from tasks.asking.provider import TryAgainError


def fails_first(n: int, error: Exception, answer):
    """The first n calls fail."""
    return lambda call, question: error if call < n else answer


def test_an_answer_is_kept_under_its_questions_key(make_run, answer):
    run = make_run()
    outcome = run.ask(1)
    assert (outcome.answered, outcome.calls, outcome.failed, outcome.stopped) == (1, 1, {}, None)
    assert list(run.kept.answers) == ["q0"]
    kept = run.kept.answers["q0"]
    assert (kept.text, kept.model_version, kept.input_tokens) == (
        answer.text,
        answer.model_version,
        answer.input_tokens,
    )


def test_the_latency_kept_is_that_of_the_call_without_the_waiting(make_run, answer):
    run = make_run(fails_first(2, TryAgainError("busy", 30), answer))
    run.ask(1)
    assert run.kept.answers["q0"].latency_s == 1


def test_no_question_is_an_empty_outcome(make_run):
    outcome = make_run().ask(0)
    assert (outcome.answered, outcome.failed, outcome.stopped) == (0, {}, None)


@pytest.mark.parametrize("limited", [True, False])
def test_the_servers_own_wait_is_kept_to_the_second(make_run, answer, limited):
    run = make_run(fails_first(2, TryAgainError("503", 45.5, limited=limited), answer))
    assert run.ask(1).answered == 1
    assert run.provider.times == [0, 46.5, 93]


def test_after_too_many_requests_everyone_waits(make_run, answer):
    """Call 1 fails at 2 s and the server wants 30: the call already under way ends, the next starts at 32."""

    def script(call: int, question):
        return TryAgainError("429", 30, limited=True) if call == 1 else answer

    run = make_run(script, concurrency=2)
    assert run.ask(4).answered == 4
    assert run.provider.times[:4] == [0, 1, 1, 32]


def test_after_another_failure_only_that_question_waits(make_run, answer):
    def script(call: int, question):
        return TryAgainError("503", 30) if call == 1 else answer

    run = make_run(script, concurrency=2)
    assert run.ask(6).answered == 6
    assert run.provider.asked == [(0, (0,)), (1, (1,)), (1, (2,)), (2, (3,)), (3, (4,)), (4, (5,)), (32, (1,))]


def test_the_outcome_counts_every_call_and_those_that_were_too_many(make_run, answer):
    replies = [TryAgainError("503", 0), TryAgainError("429", 0, limited=True), answer, answer]
    outcome = make_run(lambda call, question: replies[call]).ask(2)
    assert (outcome.calls, outcome.limited, outcome.answered) == (4, 1, 2)


def test_without_a_word_from_the_server_the_wait_is_jittered_under_a_doubling_ceiling(make_run):
    """Full jitter: anything from nothing to 1, 2, 4 … at most 60 s; the mean over many is half of that."""
    random.seed(0)
    attempts, questions = 9, 200
    ceilings_s = [1, 2, 4, 8, 16, 32, 60, 60]

    def script(call: int, question):
        return TryAgainError("503")

    gaps_s = []
    for _ in range(questions):
        run = make_run(script, attempts=attempts)
        run.ask(1)
        times = run.provider.times
        gaps_s.append([after - before - 1 for before, after in pairwise(times)])
    for gaps, ceiling_s in zip(zip(*gaps_s, strict=True), ceilings_s, strict=True):
        assert 0 <= min(gaps) < 0.1 * ceiling_s
        assert 0.9 * ceiling_s < max(gaps) <= ceiling_s + 1e-9
        assert sum(gaps) / questions == pytest.approx(ceiling_s / 2, rel=0.15)


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_question_is_given_up_after_so_many_attempts_with_the_last_reason(make_run, attempts):
    run = make_run(lambda call, question: TryAgainError(f"503 the {call + 1}th time", 1), attempts=attempts)
    outcome = run.ask(1)
    assert outcome.failed == {"q0": f"503 the {attempts}th time"}
    assert len(run.provider.asked) == attempts
    assert (outcome.answered, outcome.stopped, run.kept.answers) == (0, None, {})


def test_a_question_given_up_does_not_hold_up_the_others(make_run, answer):
    run = make_run(lambda call, question: TryAgainError("503", 1) if question.draws == (1,) else answer, attempts=2)
    outcome = run.ask(3)
    assert (outcome.answered, outcome.failed) == (2, {"q1": "503"})
    assert sorted(run.kept.answers) == ["q0", "q2"]


def test_a_server_that_wants_more_than_five_minutes_is_not_waited_for(make_run, answer):
    run = make_run(fails_first(1, TryAgainError("come back later", 301), answer))
    outcome = run.ask(2)
    assert outcome.failed == {"q0": "come back later"}
    assert run.provider.asked == [(0, (0,)), (1, (1,))]


def test_five_minutes_are_waited_for(make_run, answer):
    assert make_run(fails_first(1, TryAgainError("busy", 300), answer)).ask(1).answered == 1


def test_a_retry_reads_the_audio_only_once(make_run, answer):
    run = make_run(fails_first(3, TryAgainError("503", 1), answer))
    run.ask(1)
    assert run.read == [(0,)]
