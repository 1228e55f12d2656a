"""After "too many requests" all wait, then call more slowly, and faster again by and by."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from tasks.asking.limits import LimitSettings, RateLimiter

USED = 0.985  # of the limit that is given


def limiter(**limits: Any) -> RateLimiter:
    """No limits but those that are given. Lives in the event loop that runs."""
    return RateLimiter(LimitSettings(**{"requests_per_minute": None, "tokens_per_minute": None} | limits))


def pauses(time, at_s: list[float], seconds: float = 0.0, **limits: Any) -> list[float]:
    """When calls start one after another for five minutes; the first one after each of these times is one too many."""

    async def call_all() -> list[float]:
        limited, starts, due = limiter(**limits), [], list(at_s)
        while time.now() < 300:
            starts.append(await limited.take(1))
            if due and starts[-1] >= due[0]:
                due.pop(0)
                limited.pause(seconds, starts[-1])
        return starts

    return time.run(call_all())


def rate(starts: list[float], from_s: float, to_s: float) -> float:
    """Calls per second."""
    return sum(from_s <= at < to_s for at in starts) / (to_s - from_s)


def test_a_pause_holds_everyone_back(time):
    starts = pauses(time, [100.0], seconds=45.5, requests_per_minute=60)
    before, after = next(pair for pair in pairwise(starts) if pair[1] > 101.1)
    assert after == before + 45.5


def test_a_shorter_pause_does_not_end_a_longer_one(time):
    async def pause_twice() -> float:
        paused = limiter()
        paused.pause(30, 0.0)
        paused.pause(2, 0.0)
        return await paused.take(1)

    assert time.run(pause_twice()) == 30


def test_a_pause_reaches_those_who_wait_already(time):
    async def pause_while_waiting() -> float:
        paused = limiter(requests_per_minute=60)
        await paused.take(1)
        waiting = asyncio.ensure_future(paused.take(1))
        await asyncio.sleep(0.5)
        paused.pause(10, 0.0)
        return await waiting

    assert time.run(pause_while_waiting()) == 10.5


def test_after_a_pause_one_call_goes_half_a_second_ahead(time):
    starts = pauses(time, [100.0], seconds=10, requests_per_minute=1200)
    paused_at = next(at for at in starts if at >= 100)
    first, second, third = [at for at in starts if at > paused_at][:3]
    assert (first - paused_at, second - first) == pytest.approx((10, 0.5))
    assert third - second < 0.1


def test_the_rate_falls_by_15_percent_and_rises_by_1_percent_a_second(time):
    """Twenty a second; the second time that one is too many, what was let through is known."""
    starts = pauses(time, [100.0, 120.0], requests_per_minute=1200)
    most = 20 * USED
    assert rate(starts, 121, 123) == pytest.approx(0.87 * most, rel=0.03)
    assert rate(starts, 130, 132) == pytest.approx(0.96 * most, rel=0.03)
    assert rate(starts, 140, 300) == pytest.approx(most, rel=0.01)


def test_without_a_limit_of_ours_the_rate_is_what_the_server_let_through_before(time):
    """A hundred calls in ten seconds, then one too many."""

    async def call() -> list[float]:
        limited = limiter()
        for _ in range(100):
            await asyncio.sleep(0.1)
            last = await limited.take(1)
        limited.pause(0, last)
        return [await limited.take(1) for _ in range(50)]

    starts = time.run(call())
    assert rate(starts, 11, 13) == pytest.approx(0.87 * 10, rel=0.06)


def test_a_server_that_stays_full_does_not_lower_the_rate_again_and_again(time):
    """A minute's worth is sent in half a minute; the rest of the minute every call is turned away."""

    async def call() -> list[float]:
        limited, starts = limiter(requests_per_minute=2400), []
        while time.now() < 90:
            starts.append(await limited.take(1))
            if 30 < starts[-1] < 60:
                limited.pause(0.5, starts[-1])
        return starts

    assert rate(time.run(call()), 61, 66) == pytest.approx(0.88 * 1182 / 60, rel=0.05)


def test_a_rate_that_was_not_too_fast_for_a_minute_doubles_from_then_on(time):
    """Where the very first call is turned away nothing is known: four a second, after two minutes any rate."""
    starts = pauses(time, [0.0], requests_per_minute=6000)
    assert rate(starts, 1, 11) == pytest.approx(4 * 0.9, rel=0.1)
    assert rate(starts, 120, 300) == pytest.approx(100 * USED, rel=0.01)
