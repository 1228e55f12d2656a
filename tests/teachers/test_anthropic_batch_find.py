"""A job whose id was lost is found again, or at least not taken for another: paying twice is the alternative."""

import asyncio

from tasks.asking.provider import BatchState
from tasks.teachers.anthropic_provider import AnthropicProvider
from tasks.teachers.loopback.server import running_server
from tests.teachers.batching_claude import KEYS, QUESTIONS, do, find, look, results, submit


def test_a_job_whose_id_was_lost_is_found_by_its_keys_when_it_has_ended():
    with running_server() as server:
        submit(server.url, KEYS[:2])
        mine = submit(server.url, KEYS[2:])
        assert find(server.url, KEYS[2:]) == mine


def test_another_job_with_as_many_questions_is_not_taken_for_it():
    with running_server() as server:
        submit(server.url, KEYS[:2])
        assert find(server.url, KEYS[2:]) is None


def test_a_job_that_holds_more_than_our_questions_is_another_one():
    with running_server() as server:
        submit(server.url)
        assert find(server.url, KEYS[:2]) is None


def test_no_job_is_found_where_there_is_none():
    with running_server() as server:
        assert find(server.url) is None


def test_a_job_is_found_behind_a_page_of_newer_ones():
    with running_server() as server:
        mine = submit(server.url, KEYS[:1])

        async def submit_many(provider: AnthropicProvider) -> None:
            others = {key: QUESTIONS[key] for key in KEYS[1:3]}
            await asyncio.gather(*(provider.submit("a-name", others) for _ in range(101)))

        do(server.url, submit_many)
        assert find(server.url, KEYS[:1]) == mine


def test_the_only_running_job_with_as_many_questions_may_be_ours():
    """Its keys are not told before it ends; submitting again would pay for it twice."""
    with running_server(batch_s=600) as server:
        job = submit(server.url)
        assert find(server.url) == f"maybe:{job}"
        assert look(server.url, f"maybe:{job}") == BatchState(False, 0, 4, "in_progress")


def test_a_job_that_may_be_somebody_elses_is_never_cancelled():
    with running_server(batch_s=600) as server:
        job = submit(server.url)
        do(server.url, lambda provider: provider.cancel(f"maybe:{job}"))
        assert look(server.url, job).told == "in_progress"


def test_a_job_that_turned_out_to_be_ours_can_be_read():
    with running_server() as server:
        assert set(results(server.url, f"maybe:{submit(server.url)}")) == set(KEYS)


def test_of_two_running_jobs_with_as_many_questions_neither_is_guessed():
    with running_server(batch_s=600) as server:
        submit(server.url, KEYS[:2])
        submit(server.url, KEYS[2:])
        assert find(server.url, KEYS[2:]) is None
