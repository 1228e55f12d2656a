"""Calls are spaced as the provider's quota wants it, a little under what the user gave."""

import asyncio
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.asking.limits import LimitSettings, RateLimiter, wait_unless

USED = 0.985  # of the limit that is given
PACE_S = 1 / USED  # between calls at a limit of sixty a minute


def limiter(**limits: Any) -> RateLimiter:
    """No limits but those that are given. Lives in the event loop that runs."""
    return RateLimiter(LimitSettings(**{"requests_per_minute": None, "tokens_per_minute": None} | limits))


def starts_of(time, calls: list[tuple[float, float]], **limits: Any) -> list[float]:
    """When each call may start; of a call: its tokens, and how long its caller idles before it."""

    async def call_all() -> list[float]:
        limited = limiter(**limits)
        starts = []
        for tokens, idle_s in calls:
            await asyncio.sleep(idle_s)
            starts.append(await limited.take(tokens))
        return starts

    return time.run(call_all())


def test_sixty_requests_a_minute_are_a_little_under_one_a_second(time):
    starts = starts_of(time, [(1, 0)] * 4, requests_per_minute=60)
    assert starts == pytest.approx([0, PACE_S, 2 * PACE_S, 3 * PACE_S])


def test_a_call_takes_its_share_of_the_minutes_tokens(time):
    starts = starts_of(time, [(30, 0), (15, 0), (1, 0)], tokens_per_minute=60)
    assert starts == pytest.approx([0, 30 * PACE_S, 45 * PACE_S])


def test_the_tighter_of_the_two_limits_holds(time):
    starts = starts_of(time, [(100, 0), (1, 0), (1, 0)], requests_per_minute=60, tokens_per_minute=600)
    assert starts == pytest.approx([0, 10 * PACE_S, 11 * PACE_S])


def test_without_limits_nobody_waits(time):
    assert starts_of(time, [(10**9, 0)] * 3) == [0, 0, 0]


def test_those_who_wait_together_are_let_through_one_by_one(time):
    async def call_together() -> list[float]:
        one_a_second = limiter(requests_per_minute=60)
        return await asyncio.gather(*(one_a_second.take(1) for _ in range(5)))

    assert time.run(call_together()) == pytest.approx([n * PACE_S for n in range(5)])


def test_slots_that_were_lost_in_a_busy_moment_are_made_up_for_within_four_tenths_of_a_second(time):
    """Ten a second: after a minute of idling four slots at once and the one that is due, then in turn."""
    starts = starts_of(time, [(1, 60), *[(1, 0)] * 9], requests_per_minute=600)
    assert starts == pytest.approx([60.0] * 4 + [60 + n * PACE_S / 10 - 0.4 for n in range(4, 10)])


IDLE_S = st.one_of(st.just(0.0), st.floats(0, 10))


@given(limit=st.integers(1, 1500), idle_s=st.lists(IDLE_S, min_size=1, max_size=300))
@example(limit=1200, idle_s=[0.0] * 1300)
@example(limit=600, idle_s=[59.9, *[0.0] * 700])
def test_no_minute_sees_more_requests_than_its_limit(make_run, limit, idle_s):
    starts = starts_of(make_run.time(), [(1, idle) for idle in idle_s], requests_per_minute=limit)
    assert all(after - before > 60 for before, after in zip(starts, starts[limit:], strict=False))


@given(calls=st.lists(st.tuples(st.integers(1, 6000), IDLE_S), min_size=1, max_size=200))
@example(calls=[(2500, 0.0)] * 500)
def test_no_minute_sees_more_tokens_than_its_limit_and_those_of_its_last_call(make_run, calls):
    """A call of any size is let through when those before it are paid off, for it could never be otherwise."""
    starts, limit = starts_of(make_run.time(), calls, tokens_per_minute=60_000), 60_000
    for first, start in enumerate(starts):
        minute = [tokens for at, (tokens, _) in zip(starts[first:], calls[first:], strict=True) if at - start <= 60]
        assert sum(minute[:-1]) <= limit


def test_who_waits_for_a_turn_is_let_go_when_all_is_stopped(time):
    async def stop_while_waiting() -> float:
        stopped = asyncio.Event()
        one_a_minute = RateLimiter(LimitSettings(requests_per_minute=1), stopped)
        await one_a_minute.take(1)
        waiting = [asyncio.ensure_future(one_a_minute.take(1)) for _ in range(5)]
        await asyncio.sleep(7)
        stopped.set()
        await asyncio.gather(*waiting)
        return time.now()

    assert time.run(stop_while_waiting()) == 7


def test_a_wait_ends_by_itself_when_nothing_is_stopped(time):
    time.run(wait_unless(asyncio.Event(), 12.5))
    assert time.now() == 12.5


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("requests_per_minute", 0, "greater than 0"),
        ("tokens_per_minute", -1, "greater than 0"),
        ("requests_per_day", 0, "greater than 0"),
        ("tokens_per_day", 0, "greater than 0"),
        ("concurrency", 0, "greater than or equal to 1"),
        ("concurrency", 1025, "less than or equal to 1024"),
        ("timeout_s", 0, "greater than 0"),
        ("attempts", 0, "greater than or equal to 1"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(setting: str, value: float, message: str):
    with pytest.raises(ValidationError, match=rf"{setting}\n.*{message}"):
        LimitSettings(**{setting: value})
