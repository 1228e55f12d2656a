"""Batch jobs that end otherwise than with all answers: late, cancelled, given up, forgotten, broken off."""

from dataclasses import replace

import pytest

from tasks.asking.meter import Meter
from tasks.asking.provider import QuestionRejectedError, TryAgainError
from tasks.storage.answers import Spent
from tests.asking.batching import ANSWER, ENDED, RUNNING, Runs, Server


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def runs(tmp_path, server) -> Runs:
    return Runs(tmp_path / "batches", server)


def test_a_few_looks_that_fail_are_nothing(time, runs, server):
    server.looks = [TryAgainError("503")] * 9 + [RUNNING] + [TryAgainError("503")] * 9 + [ENDED]
    assert time.run(runs.ask("a")).answered == 1


def test_when_the_server_says_nothing_of_a_job_for_long_the_run_stops_and_keeps_the_record(time, runs, server):
    server.looks = [TryAgainError("503 down")]
    stop = time.run(runs.ask("a")).stopped
    assert stop.kind == "provider"
    assert stop.why == "the server does not tell about a batch job that it was given (503 down)"
    assert str(runs.folder) in stop.go_on
    assert len(runs.open) == 1


def test_a_job_that_the_server_does_not_know_stops_the_run_and_keeps_the_record(time, runs):
    runs.leave(job="job-9")
    assert "(404 no job job-9)" in time.run(runs.ask("a", "b")).stopped.why
    assert len(runs.open) == 1


def test_at_the_deadline_a_job_is_cancelled_and_what_it_answered_is_taken(time, runs, server):
    server.looks = [RUNNING, ENDED]
    server.answers = {"b": TryAgainError("canceled")}
    outcome = time.run(runs.ask("a", "b", deadline_s=0))
    assert server.cancelled == ["job-0"]
    assert (list(runs.stored), outcome.stopped, runs.open) == (["a"], None, [])


def test_a_job_that_does_not_end_when_it_is_cancelled_is_given_up_and_remembered(time, runs, server):
    server.looks = [RUNNING]
    outcome = time.run(runs.ask("a", "b", deadline_s=0))
    assert (outcome.answered, outcome.stopped) == (0, None)
    [record] = runs.open
    assert record.given_up


def test_what_was_given_up_is_not_waited_for_when_it_is_wanted_again(time, runs, server):
    """The calls that took its place may have failed."""
    server.looks = [RUNNING]
    time.run(runs.ask("a", "b", deadline_s=0))
    server.looks = [ENDED]
    time.run(runs.ask("a"))
    assert "a" in runs.stored
    assert runs.open == []


@pytest.mark.parametrize("broken", [TryAgainError("the results broke off"), QuestionRejectedError("410", for_all=True)])
def test_results_that_break_off_stop_the_run_keep_what_came_and_keep_the_record(time, runs, server, broken):
    server.breaks_after, server.broken = 1, broken
    outcome = time.run(runs.ask("a", "b"))
    assert outcome.stopped.kind == "provider"
    assert list(runs.stored) == ["a"]
    assert len(runs.open) == 1


def stored_since(runs, *keys):
    """Answers that arrived after the jobs that `leave` makes."""
    for key in keys:
        runs.stored[key] = Meter(None).stored(replace(ANSWER, text="online"), latency_s=1.0)


def test_results_that_a_run_took_before_it_was_killed_are_counted_once(time, runs, server):
    server.jobs = {"job-0": ["a", "b"]}
    runs.leave()
    stored_since(runs, "a")
    outcome = time.run(runs.ask("b"))
    assert runs.puts == [("b", Spent(usd=0.002))]
    assert (runs.charged, outcome.spent, runs.open) == ([], Spent(usd=0.002), [])


def test_late_answers_to_what_was_asked_online_since_are_paid_and_change_no_answer(time, runs, server):
    """A table does not change by itself."""
    server.jobs = {"job-0": ["a"]}
    runs.leave(keys=("a",), given_up=True)
    stored_since(runs, "a")
    outcome = time.run(runs.ask("c"))
    assert runs.stored["a"].text == "online"
    assert (runs.charged, outcome.spent.usd) == ([Spent(usd=0.002)], 0.004)


def test_what_was_stored_before_the_job_was_submitted_is_replaced(time, runs, server):
    """It is asked again because somebody wanted so."""
    stored_since(runs, "a")
    runs.stored["a"] = replace(runs.stored["a"], answered_at="2026-01-01T00:00:00+00:00")
    time.run(runs.ask("a"))
    assert runs.stored["a"].text == ANSWER.text
