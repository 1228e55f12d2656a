"""A batch answers by and by, ends once, and asks nothing twice."""

import asyncio

import pytest

from tasks.teachers.loopback import anthropic_messages
from tasks.teachers.loopback.batches import Batches, Item, Job
from tasks.teachers.loopback.model import Loopback, LoopbackSettings

BODY = {"max_tokens": 9, "messages": [{"role": "user", "content": "The emotions to choose from are: angry, sad."}]}


def make_job(**changes):
    return Job(
        **{"id": "b", "name": None, "items": [Item(k, BODY) for k in range(10)], "takes_s": 100, "started": 0} | changes
    )


@pytest.mark.parametrize(("now", "done", "state"), [(0, 0, "pending"), (35, 3, "running"), (100, 10, "succeeded")])
def test_answers_come_evenly(now, done, state):
    job = make_job()
    assert (job.done(now), job.state(now)) == (done, state)


def test_without_a_time_it_has_ended_at_the_first_look():
    assert make_job(takes_s=0).state(0) == "succeeded"


def test_one_that_hangs_answers_half_and_never_ends():
    job = make_job(end=None)
    assert (job.done(1e9), job.state(1e9)) == (5, "running")


def test_a_cancelled_one_keeps_what_was_answered_before():
    job = make_job()
    job.cancel(35)
    assert (job.done(1000), job.state(1000)) == (3, "cancelled")


def test_one_that_has_ended_cannot_be_cancelled():
    job = make_job()
    job.cancel(100)
    assert job.state(100) == "succeeded"


@pytest.mark.parametrize("end", ["expired", "failed"])
def test_one_that_expires_or_fails_answers_nothing(end):
    job = make_job(end=end)
    assert (job.done(100), job.state(99), job.state(100)) == (0, "pending", end)


def test_two_who_look_at_once_do_not_ask_twice():
    loopback = Loopback(LoopbackSettings())
    batches = Batches(loopback, anthropic_messages)

    async def look_twice():
        job = batches.submit([Item(k, BODY) for k in range(20)])
        return await asyncio.gather(batches.results(job), batches.results(job))

    first, second = asyncio.run(look_twice())
    assert len(first) == len(second) == 20
    assert (loopback.batch_answered, loopback.answered, loopback.requests) == (20, 0, 0)


def test_a_fault_of_requests_strikes_inside_batches():
    loopback = Loopback(LoopbackSettings(faults="500*1"))
    batches = Batches(loopback, anthropic_messages)
    job = batches.submit([Item(k, BODY) for k in range(3)])
    results = asyncio.run(batches.results(job))
    assert [getattr(result, "why", "answered") for result in results] == ["internal", "answered", "answered"]
    assert loopback.batch_answered == 2
