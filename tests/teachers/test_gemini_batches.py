"""Many questions as one job: submitted under their keys, found by the job's name, followed, read and cancelled."""

import pytest

from tasks.asking.provider import Answer, DailyQuotaError, QuestionRejectedError, TryAgainError
from tasks.asking.reading import read_answer
from tests.teachers.asking_gemini import CLASSES, do, listening, question_of, wav_of

KEYS = ["a" * 64, "b" * 64, "c" * 64, "d" * 64]


@pytest.fixture
def server():
    with listening() as server:
        yield server


@pytest.fixture
def questions(tone_flac):
    return {key: question_of(tone_flac, (draw,)) for draw, key in enumerate(KEYS)}


def submit(url, questions, name="mifuse-1"):
    return do(url, lambda provider: provider.submit(name, questions))


def look(url, job):
    return do(url, lambda provider: provider.look(job))


def results(url, job):
    async def read(provider):
        return {key: result async for key, result in provider.results(job)}

    return do(url, read)


def test_each_question_of_a_job_gets_its_own_answer(server, questions):
    read = results(server.url, submit(server.url, questions))
    assert list(read) == KEYS
    for answer in read.values():
        assert isinstance(answer, Answer)
        assert sum(read_answer(answer.text, CLASSES)) == pytest.approx(1)


def test_an_answer_of_a_job_is_what_a_call_would_have_brought(server, questions):
    read = results(server.url, submit(server.url, questions))
    for key, question in questions.items():
        [online] = do(server.url, lambda provider, question=question: provider.ask(question))
        assert read[key] == online


def test_a_job_is_one_request(server, questions):
    submit(server.url, questions)
    assert server.requests == [("POST", "/v1/models/gemini-2.5-flash:batchGenerateContent")]


def test_a_job_is_found_by_its_name(server, questions):
    job = submit(server.url, questions, "mifuse-7")
    submit(server.url, questions, "mifuse-8")
    assert do(server.url, lambda provider: provider.find("mifuse-7", set(KEYS))) == job


def test_a_job_that_was_never_submitted_is_not_found(server, questions):
    submit(server.url, questions)
    assert do(server.url, lambda provider: provider.find("mifuse-2", set(KEYS))) is None


def test_a_job_is_found_behind_a_hundred_newer_ones(server, questions):
    """The server lists a hundred at a time."""
    one = {KEYS[0]: questions[KEYS[0]]}

    async def submit_many(provider):
        first = await provider.submit("mifuse-first", one)
        for n in range(101):
            await provider.submit(f"mifuse-{n}", one)
        return first, await provider.find("mifuse-first", {KEYS[0]})

    first, found = do(server.url, submit_many)
    assert found == first


def test_a_job_that_runs_has_not_ended(questions):
    with listening(batch_s=600) as server:
        state = look(server.url, submit(server.url, questions))
    assert not state.ended
    assert state.told in ("pending", "running")


def test_a_job_that_has_ended_says_so(server, questions):
    state = look(server.url, submit(server.url, questions))
    assert (state.ended, state.told) == (True, "succeeded")


def test_a_job_that_was_cancelled_has_ended_without_answers(questions):
    with listening(faults="batch_hangs") as server:
        job = submit(server.url, questions)
        assert not look(server.url, job).ended
        do(server.url, lambda provider: provider.cancel(job))
        assert look(server.url, job).ended
        assert results(server.url, job) == {}


@pytest.mark.parametrize(("fault", "told"), [("batch_fails", "failed"), ("batch_expires", "expired")])
def test_a_job_that_failed_has_ended_without_answers(questions, fault, told):
    with listening(faults=fault) as server:
        job = submit(server.url, questions)
        assert (look(server.url, job).ended, look(server.url, job).told) == (True, told)
        assert results(server.url, job) == {}


def test_a_question_that_failed_within_a_job_says_how_and_was_not_paid(questions):
    with listening(faults="500*1") as server:
        read = results(server.url, submit(server.url, questions))
    failed = read[KEYS[0]]
    assert isinstance(failed, TryAgainError)
    assert "no answer in the batch: An internal error has occurred" in str(failed)
    assert not failed.may_be_paid
    assert all(isinstance(read[key], Answer) for key in KEYS[1:])


def test_a_refusal_within_a_job_is_an_answer_that_was_paid(questions):
    with listening(faults="safety*1") as server:
        read = results(server.url, submit(server.url, questions))
    assert read[KEYS[0]].refusal == "finish_reason SAFETY"
    assert read[KEYS[0]].output_tokens > 0


def test_a_job_that_nobody_knows_is_told(server):
    with pytest.raises(QuestionRejectedError, match=r"404 NOT_FOUND batch nothing does not exist"):
        look(server.url, "batches/nothing")


ERRORS = [
    (503, "UNAVAILABLE", [], TryAgainError),
    (429, "RESOURCE_EXHAUSTED", [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}], DailyQuotaError),
    (403, "PERMISSION_DENIED", [], QuestionRejectedError),
]


@pytest.mark.parametrize(("code", "status", "details", "becomes"), ERRORS)
def test_a_job_that_is_not_taken_says_why(recorder, questions, code, status, details, becomes):
    error = {"code": code, "message": "no", "status": status, "details": details}
    recorder.will_reply({"error": error}, status=code)
    with pytest.raises(becomes, match=f"{code} {status} no"):
        submit(recorder.url, questions)


def test_a_submission_whose_reply_cannot_be_read_may_have_been_paid(recorder, questions):
    recorder.will_reply("{")
    with pytest.raises(TryAgainError, match="could not be read") as caught:
        submit(recorder.url, questions)
    assert caught.value.may_be_paid


def test_a_file_that_a_job_needs_is_not_taken_away_with_the_provider(server, tone_flac):
    """The job runs for hours after the run that submitted it may have ended."""
    large = question_of(wav_of(200), mime_type="audio/wav")
    job = submit(server.url, {KEYS[0]: large})
    assert (server.count("POST", "/upload/") > 0, server.count("DELETE", "")) == (True, 0)
    assert isinstance(results(server.url, job)[KEYS[0]], Answer)
