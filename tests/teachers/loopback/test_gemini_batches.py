"""Gemini's official SDK submits, follows and cancels batches, and finds each answer in its place."""

import asyncio
import json

import pytest
from google import genai
from google.genai import errors, types

from tasks.teachers.loopback.server import running_server


def with_client(server, function):
    async def go():
        async with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url)).aio as client:
            return await function(client.batches)

    return asyncio.run(go())


@pytest.fixture
def requests(flac, make_config):
    def make(*keys, audio=flac):
        part = types.Part.from_bytes(data=audio, mime_type="audio/flac")
        contents = [types.Content(role="user", parts=[part, types.Part(text="How does the speaker feel?")])]
        configs = [make_config(seed=seed) for seed in range(len(keys))]
        return [
            types.InlinedRequest(contents=contents, config=config, metadata={"key": key})
            for key, config in zip(keys, configs, strict=True)
        ]

    return make


def run_batch(requests, faults=None, batch_s=0.0, cancels=False):
    """Submits, looks once, and tells what is seen then and how many were answered."""

    async def go(batches):
        job = await batches.create(model="m", src=requests, config={"display_name": "a name"})
        if cancels:
            await batches.cancel(name=job.name)
        return await batches.get(name=job.name)

    with running_server(faults=faults, batch_s=batch_s) as server:
        job = with_client(server, go)
        return job, server.batch_answered


def test_each_answer_is_that_of_a_single_request_and_keeps_its_key(requests, ask, server, flac):
    job, answered = run_batch(requests("a", "b"))
    responses = job.dest.inlined_responses
    assert (job.state, job.display_name, answered) == (types.JobState.JOB_STATE_SUCCEEDED, "a name", 2)
    assert [each.metadata for each in responses] == [{"key": "a"}, {"key": "b"}]
    assert [each.response.text for each in responses] == [ask(server, flac, seed=seed).text for seed in (0, 1)]


def test_a_batch_takes_its_time(requests):
    job, answered = run_batch(requests("a"), batch_s=3600)
    assert (job.state, job.dest, answered) == (types.JobState.JOB_STATE_PENDING, None, 0)


def test_one_that_hangs_is_running(requests):
    job, _ = run_batch(requests("a", "b"), faults="batch_hangs")
    assert job.state == types.JobState.JOB_STATE_RUNNING


def test_a_cancelled_one_gives_nothing_back(requests):
    job, _ = run_batch(requests("a", "b"), faults="batch_hangs", cancels=True)
    assert (job.state, job.dest) == (types.JobState.JOB_STATE_CANCELLED, None)


@pytest.mark.parametrize(
    ("fault", "state"),
    [("batch_expires", types.JobState.JOB_STATE_EXPIRED), ("batch_fails", types.JobState.JOB_STATE_FAILED)],
)
def test_batches_can_end_badly(requests, fault, state):
    job, answered = run_batch(requests("a"), faults=fault)
    assert (job.state, job.dest, answered) == (state, None, 0)


def test_an_error_of_one_request_leaves_the_others_alone(requests):
    job, answered = run_batch(requests("a", "b"), faults="503*1")
    first, second = job.dest.inlined_responses
    assert (first.error.code, first.error.message) == (
        14,
        "The model is overloaded. Please try again later. (loopback)",
    )
    assert (first.metadata, first.response, answered) == ({"key": "a"}, None, 1)
    assert json.loads(second.response.text)


def test_audio_that_cannot_be_decoded_is_an_error_of_its_request(requests):
    job, _ = run_batch([*requests("a", audio=b"noise"), *requests("b")])
    first, second = job.dest.inlined_responses
    assert first.error.code == 3
    assert "no audio that can be decoded" in first.error.message
    assert second.response.text


def test_jobs_are_listed_by_name_newest_first(requests):
    async def go(batches):
        for name in ("first", "second", "third"):
            await batches.create(model="m", src=requests("a"), config={"display_name": name})
        return [job.display_name async for job in await batches.list(config={"page_size": 2})]

    with running_server() as server:
        assert with_client(server, go) == ["third", "second", "first"]


def test_a_deleted_job_is_gone(requests):
    async def go(batches):
        job = await batches.create(model="m", src=requests("a"))
        await batches.delete(name=job.name)
        await batches.get(name=job.name)

    with running_server() as server, pytest.raises(errors.ClientError, match=r"404 NOT_FOUND.*does not exist"):
        with_client(server, go)


def test_an_empty_batch_gets_a_400(server, post):
    code, error = post(f"{server.url}/v1/models/m:batchGenerateContent", b'{"batch": {}}', {"x-goog-api-key": "k"})
    assert (code, error["message"]) == (400, "batch.inputConfig.requests is empty")


def test_a_batch_without_a_key_gets_a_403(server, post):
    assert post(f"{server.url}/v1/models/m:batchGenerateContent", b"{}", {})[0] == 403
