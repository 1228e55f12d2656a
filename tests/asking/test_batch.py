"""Batch jobs: submitted in parts, waited for, taken once; their questions are never asked while a job may answer."""

from dataclasses import replace

import pytest

from tasks.asking.money import Allowance, Ceiling
from tasks.asking.provider import BatchState, DailyQuotaError, QuestionRejectedError, TryAgainError
from tasks.storage.answers import Spent
from tests.asking.batching import ANSWER, ENDED, RUNNING, Runs, Server


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def runs(tmp_path, server) -> Runs:
    return Runs(tmp_path / "batches", server)


def test_every_answer_is_stored_with_its_price_and_the_question_it_belongs_to(time, runs):
    outcome = time.run(runs.ask("a", "b"))
    assert (outcome.answered, outcome.batched, outcome.calls, outcome.stopped) == (2, 2, 0, None)
    assert runs.puts == [("a", Spent(usd=0.002)), ("b", Spent(usd=0.002))]
    assert runs.stored["a"].audio_sha256 == "a" * 64
    assert outcome.spent == Spent(usd=0.004)


def test_the_server_is_looked_at_at_even_intervals_until_the_job_has_ended(time, runs, server):
    server.looks = [RUNNING, RUNNING, RUNNING, ENDED]
    time.run(runs.ask("a"))
    assert (server.looked, time.now()) == (4, 90)
    assert runs.told == ["running", "running", "running", "ended"]


def test_where_the_server_tells_no_total_it_is_what_was_submitted(time, runs, server):
    """Gemini's does not, through the SDK."""
    server.looks = [BatchState(False, 0, 0, "running"), ENDED]
    time.run(runs.ask("a", "b"))
    assert runs.totals == [2, 2]


def test_a_job_holds_no_more_bytes_than_the_provider_takes(time, runs, server):
    """Each question has 400, a job 1,000."""
    time.run(runs.ask(*"abcde"))
    assert list(server.jobs.values()) == [["a", "b"], ["c", "d"], ["e"]]


def test_a_job_holds_no_more_questions_than_the_provider_takes(time, runs, server):
    server.most_questions = 1
    time.run(runs.ask("a", "b"))
    assert list(server.jobs.values()) == [["a"], ["b"]]


def test_one_question_larger_than_a_job_goes_alone(time, runs, server):
    server.most_bytes = 10
    assert time.run(runs.ask("a", "b")).answered == 2


def test_the_record_is_there_before_the_job_is_submitted(time, runs, server):
    """Else a run that is killed in between pays for a job that nobody knows of."""
    seen = []
    submit = server.submit

    async def look_first(name, questions):
        seen.extend(runs.open)
        return await submit(name, questions)

    server.submit = look_first
    time.run(runs.ask("a"))
    [record] = seen
    assert (record.job, list(record.asked), record.given_up) == (None, ["a"], False)


def test_when_all_is_taken_no_record_is_left(time, runs):
    time.run(runs.ask("a", "b"))
    assert runs.open == []


def test_a_question_that_the_job_did_not_answer_stays_open(time, runs, server):
    server.answers = {"a": TryAgainError("busy")}
    outcome = time.run(runs.ask("a", "b"))
    assert list(runs.stored) == ["b"]
    assert (outcome.failed, outcome.stopped) == ({}, None)


def test_a_question_that_was_rejected_within_a_job_says_why(time, runs, server):
    server.answers = {"a": QuestionRejectedError("400 no audio", for_all=False)}
    assert time.run(runs.ask("a", "b")).failed == {"a": "400 no audio"}


def test_results_of_questions_that_nobody_asked_are_left_alone(time, runs, server):
    """A job of Anthropic's that only might have been ours."""
    server.jobs = {"job-0": ["a", "strange"]}
    runs.leave(keys=("a", "b"))
    time.run(runs.ask("a", "b"))
    assert list(runs.stored) == ["a"]


@pytest.mark.parametrize("refusal", [TryAgainError("503"), QuestionRejectedError("400", for_all=True)])
def test_where_no_job_is_taken_all_stays_open_for_calls_and_nothing_is_reserved(time, runs, server, refusal):
    server.refuses = refusal
    allowance = Allowance([Ceiling(0.01, "a budget", "")])
    outcome = time.run(runs.ask("a", "b", allowance=allowance))
    assert (outcome.answered, outcome.stopped, runs.open) == (0, None, [])
    assert allowance.reserve(Spent(usd=0.01)) is None


def test_a_job_whose_submission_got_no_reply_is_found_by_its_name(time, runs, server):
    server.refuses, server.arrives = TryAgainError("no answer within 120 s", may_be_paid=True), True
    outcome = time.run(runs.ask("a", "b"))
    assert (outcome.answered, len(server.jobs)) == (2, 1)


def test_a_job_whose_submission_was_lost_on_the_way_stays_open_for_calls(time, runs, server):
    server.refuses = TryAgainError("no answer within 120 s", may_be_paid=True)
    outcome = time.run(runs.ask("a", "b"))
    assert (outcome.answered, outcome.stopped, runs.open) == (0, None, [])


def test_a_job_holds_as_many_questions_as_there_is_money_for_and_then_the_run_stops(time, runs, server):
    """Each may cost $0.002, and does."""
    allowance = Allowance([Ceiling(0.003, "the budget of $0.003", "Raise it.")])
    stop = time.run(runs.ask("a", "b", allowance=allowance)).stopped
    assert (stop.why, stop.kind, stop.go_on) == ("the budget of $0.003 is used up", "quota", "Raise it.")
    assert server.jobs == {"job-0": ["a"]}
    assert list(runs.stored) == ["a"]


def test_jobs_of_other_questions_are_looked_at_once_and_not_waited_for(time, runs, server):
    server.jobs, server.looks = {"job-0": ["x"]}, [RUNNING, ENDED]
    runs.leave(keys=("x",))
    outcome = time.run(runs.ask("a"))
    assert (outcome.answered, list(runs.stored)) == (1, ["a"])
    assert [record.job for record in runs.open] == ["job-0"]


def test_without_batches_a_job_that_has_ended_is_taken_all_the_same(time, runs, server):
    """It is paid."""
    server.jobs = {"job-0": ["a"]}
    runs.leave(keys=("a",))
    outcome = time.run(runs.collect("a", "b"))
    assert (list(runs.stored), outcome.stopped, runs.open) == (["a"], None, [])


def test_without_batches_what_waits_in_a_job_is_not_asked_online(time, runs, server):
    server.jobs, server.looks = {"job-0": ["a"]}, [RUNNING]
    runs.leave(keys=("a",))
    stop = time.run(runs.collect("a", "b")).stopped
    assert stop.why == "1 of these draws wait in a batch job that an earlier run submitted"
    assert (stop.kind, "Give `batch:` back" in stop.go_on) == ("quota", True)


def test_a_spent_quota_of_batches_stops_the_run_rather_than_asking_at_the_full_price(time, runs, server):
    server.refuses = DailyQuotaError("429")
    outcome = time.run(runs.ask("a"))
    assert (outcome.stopped.why, outcome.stopped.kind) == ("the quota of batch jobs is used up (429)", "quota")
    assert runs.open == []


def test_what_a_job_took_counts_against_the_ceiling_and_no_more(time, runs):
    allowance = Allowance([Ceiling(0.01, "a budget", "")])
    time.run(runs.ask("a", "b", allowance=allowance))
    assert allowance.used.usd == 0.004
    assert allowance.reserve(Spent(usd=0.006)) is None


def test_an_earlier_runs_job_takes_nothing_of_this_runs_ceiling(time, runs, server):
    """It was set aside by the run that submitted it."""
    server.jobs = {"job-0": ["a", "b"]}
    runs.leave()
    allowance = Allowance([Ceiling(0.001, "a budget", "")])
    outcome = time.run(runs.ask("a", "b", allowance=allowance))
    assert (outcome.answered, outcome.stopped) == (2, None)


def test_the_next_run_submits_only_what_no_job_holds(time, runs, server):
    server.jobs = {"job-0": ["a", "b"]}
    runs.leave()
    assert time.run(runs.ask("a", "b", "c")).answered == 3
    assert list(server.jobs.values()) == [["a", "b"], ["c"]]


def test_a_job_without_a_name_is_found_or_submitted_again(time, runs, server):
    runs.leave("arrived", job=None, keys=("a",))
    runs.leave("lost", job=None, keys=("b",))
    server.jobs, server.names = {"job-0": ["a"]}, {"arrived": "job-0"}
    assert time.run(runs.ask("a", "b")).answered == 2
    assert list(server.jobs.values()) == [["a"], ["b"]]


def test_an_answer_without_usage_counts_as_the_most_that_it_can_have_cost(time, runs, server):
    server.answers = {"a": replace(ANSWER, input_tokens=None, output_tokens=None)}
    time.run(runs.ask("a"))
    assert runs.stored["a"].cost_usd is None
    assert runs.puts == [("a", Spent(usd=0.002, unconfirmed_usd=0.002))]
