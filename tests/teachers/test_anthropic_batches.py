"""Many questions as one job: submitted under their keys, followed, read and cancelled over real HTTP."""

import pytest

from tasks.asking.provider import Answer, BatchState, DailyQuotaError, QuestionRejectedError, TryAgainError
from tasks.asking.reading import read_answer
from tasks.teachers.anthropic_provider import AnthropicProvider
from tasks.teachers.loopback.server import running_server
from tests.teachers.asking_claude import CLASSES, KEY, message_of, question_of
from tests.teachers.batching_claude import JOB, KEYS, QUESTIONS, TEACHER, do, look, results, submit


def test_each_question_of_a_job_gets_its_own_answer():
    with running_server() as server:
        answers = results(server.url, submit(server.url))
    assert set(answers) == set(KEYS)
    for answer in answers.values():
        assert isinstance(answer, Answer)
        assert sum(read_answer(answer.text, CLASSES, "distribution", {})) == pytest.approx(1)


def test_a_job_is_one_request_that_holds_what_each_single_call_would(recorder):
    recorder.will_reply(JOB)
    assert submit(recorder.url, KEYS[:2]) == "msgbatch_1"
    [request] = recorder.requests
    recorder.will_reply(message_of())
    for key in KEYS[:2]:
        do(recorder.url, lambda provider, key=key: provider.ask(QUESTIONS[key]))
    _, *single = [request.body for request in recorder.requests]
    assert request.path == "/v1/messages/batches?"
    assert request.body == {"requests": [{"custom_id": k, "params": p} for k, p in zip(KEYS[:2], single, strict=True)]}


def test_a_question_with_audio_is_refused_before_the_job_is_submitted(recorder):
    questions = QUESTIONS | {"a-key": question_of(TEACHER, None, audio=b"some audio")}
    with pytest.raises(QuestionRejectedError, match="hear nothing"):
        do(recorder.url, lambda provider: provider.submit("a-name", questions))
    assert recorder.requests == []


def test_a_job_that_runs_counts_nothing_as_done():
    with running_server(batch_s=600) as server:
        assert look(server.url, submit(server.url)) == BatchState(False, 0, 4, "in_progress")


def test_a_job_that_has_ended_counts_everything_as_done():
    with running_server() as server:
        assert look(server.url, submit(server.url)) == BatchState(True, 4, 4, "ended")


def test_a_cancelled_job_ends_without_answers_to_what_it_had_not_reached():
    with running_server(faults="batch_hangs") as server:
        job = submit(server.url)
        do(server.url, lambda provider: provider.cancel(job))
        assert look(server.url, job).ended
        read = results(server.url, job)
    assert [isinstance(read[key], Answer) for key in KEYS] == [True, True, False, False]
    assert "ended without an answer to this question (canceled)" in str(read[KEYS[3]])


def test_an_expired_job_has_no_answers_and_they_were_not_paid():
    with running_server(faults="batch_expires") as server:
        read = results(server.url, submit(server.url))
    for result in read.values():
        assert isinstance(result, TryAgainError)
        assert not result.may_be_paid
        assert "ended without an answer to this question (expired)" in str(result)


def test_a_question_that_failed_within_a_job_says_how():
    with running_server(faults="500*1,429-daily*1@after=1") as server:
        read = results(server.url, submit(server.url))
    kinds = sorted(type(result).__name__ for result in read.values())
    assert kinds == ["Answer", "Answer", "NoCreditError", "TryAgainError"]


def test_results_that_are_not_there_yet_are_asked_for_later():
    with running_server(batch_s=600) as server, pytest.raises(TryAgainError, match="finished processing") as caught:
        results(server.url, submit(server.url))
    assert not caught.value.may_be_paid


def test_an_unknown_job_is_a_clear_refusal():
    with running_server() as server, pytest.raises(QuestionRejectedError, match=r"404 not_found_error.*does not exist"):
        look(server.url, "msgbatch_gone")


def test_a_full_account_takes_no_job(recorder):
    recorder.will_reply({"error": {"type": "billing_error", "message": "no"}}, 402)
    with pytest.raises(DailyQuotaError, match="402 billing_error no"):
        submit(recorder.url)


def test_a_job_that_was_submitted_and_not_confirmed_may_be_paid(recorder):
    recorder.will_reply("cut o")
    with pytest.raises(TryAgainError, match="the reply could not be read") as caught:
        submit(recorder.url)
    assert caught.value.may_be_paid


def test_a_job_is_kept_below_what_the_server_takes():
    """100,000 questions and 256 MB; a description with its prompt and schema has about 3 kB."""
    provider = AnthropicProvider(TEACHER, CLASSES, KEY)
    assert provider.most_questions <= 100_000
    assert provider.most_questions * 10_000 < 256_000_000
    assert provider.most_bytes < 256_000_000
