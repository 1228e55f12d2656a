"""Anthropic's official SDK submits, follows and cancels batches, and finds each result by its custom_id."""

import asyncio

import anthropic
import pytest

from tasks.teachers.loopback.server import running_server


def with_client(server, function):
    async def go():
        async with anthropic.AsyncAnthropic(api_key="k", base_url=server.url, max_retries=0) as client:
            return await function(client.messages.batches)

    return asyncio.run(go())


def requests_of(*ids):
    prompt = {"role": "user", "content": "The emotions to choose from are: angry, sad."}
    params = {"model": "m", "max_tokens": 100, "messages": [prompt]}
    return [{"custom_id": each, "params": params} for each in ids]


def run_batch(*ids, faults=None, batch_s=0.0, cancels=False):
    """Submits, looks, and fetches the results where there are some."""

    async def go(batches):
        job = await batches.create(requests=requests_of(*ids))
        if cancels:
            await batches.cancel(job.id)
        job = await batches.retrieve(job.id)
        if job.processing_status != "ended":
            return job, {}
        return job, {each.custom_id: each.result async for each in await batches.results(job.id)}

    with running_server(faults=faults, batch_s=batch_s) as server:
        job, results = with_client(server, go)
        return job, results, server.batch_answered


def test_each_result_is_a_message_by_its_id():
    job, results, answered = run_batch("a", "b")
    assert (job.processing_status, job.request_counts.succeeded, answered) == ("ended", 2, 2)
    assert [results[key].message.content[0].text[:9] for key in ("a", "b")] == ['{"angry":'] * 2


def test_a_batch_takes_its_time():
    job, _, answered = run_batch("a", "b", batch_s=3600)
    assert (job.processing_status, job.request_counts.processing, job.results_url) == ("in_progress", 2, None)
    assert answered == 0


def test_results_before_the_end_are_not_there():
    async def go(batches):
        job = await batches.create(requests=requests_of("a"))
        await batches.results(job.id)

    with running_server(batch_s=3600) as server, pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
        with_client(server, go)


def test_a_cancelled_one_keeps_what_was_answered_before():
    job, results, answered = run_batch("a", "b", "c", "d", faults="batch_hangs", cancels=True)
    assert [results[key].type for key in "abcd"] == ["succeeded", "succeeded", "canceled", "canceled"]
    assert (job.request_counts.canceled, answered) == (2, 2)
    assert job.cancel_initiated_at is not None


def test_one_that_hangs_does_not_end():
    assert run_batch("a", faults="batch_hangs")[0].processing_status == "in_progress"


@pytest.mark.parametrize("fault", ["batch_expires", "batch_fails"])
def test_without_an_answer_requests_expire(fault):
    job, results, answered = run_batch("a", faults=fault)
    assert (results["a"].type, job.request_counts.expired, answered) == ("expired", 1, 0)


def test_an_error_of_one_request_leaves_the_others_alone():
    job, results, _ = run_batch("a", "b", faults="503*1")
    assert (results["a"].error.error.type, results["b"].type) == ("overloaded_error", "succeeded")
    assert job.request_counts.errored == 1


def test_jobs_are_listed_newest_first():
    async def go(batches):
        made = [(await batches.create(requests=requests_of("a"))).id for _ in range(3)]
        return made, [job.id async for job in batches.list(limit=2)]

    with running_server() as server:
        made, listed = with_client(server, go)
    assert listed == made[::-1]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "requests: at least one request is required"),
        (["a" * 65], r"requests\.0\.custom_id: String should match pattern"),
        (["a", "a"], "custom_id values must be unique"),
    ],
)
def test_requests_that_cannot_be_matched_get_a_400(server, ids, message):
    with pytest.raises(anthropic.BadRequestError, match=message):
        with_client(server, lambda batches: batches.create(requests=requests_of(*ids)))


def test_an_unknown_batch_gets_a_404(server):
    with pytest.raises(anthropic.NotFoundError, match="batch msgbatch_x does not exist"):
        with_client(server, lambda batches: batches.retrieve("msgbatch_x"))


def test_a_deleted_batch_is_gone(server):
    async def go(batches):
        job = await batches.create(requests=requests_of("a"))
        await batches.delete(job.id)
        await batches.retrieve(job.id)

    with pytest.raises(anthropic.NotFoundError, match="does not exist"):
        with_client(server, go)
