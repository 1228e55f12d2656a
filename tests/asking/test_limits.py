"""Calls are spaced as the provider's quota wants it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.asking.limits import LimitSettings, RateLimiter, RealClock


def limiter(clock, requests_per_minute: float | None = None, tokens_per_minute: float | None = None) -> RateLimiter:
    limits = LimitSettings(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
    return RateLimiter(limits, clock)


def starts_of(clock, limiter: RateLimiter, tokens: list[int], idle_s: list[float] | None = None) -> list[float]:
    """When each call of so many tokens may start; before it, its caller has idled for a while."""

    async def call_all() -> list[float]:
        starts = []
        for count, idle in zip(tokens, idle_s or [0.0] * len(tokens), strict=True):
            await clock.sleep(idle)
            await limiter.take(count)
            starts.append(clock.now())
        return starts

    return clock.run(call_all())


def test_sixty_requests_a_minute_are_one_a_second(clock):
    assert starts_of(clock, limiter(clock, requests_per_minute=60), [1] * 4) == [0, 1, 2, 3]


def test_a_call_takes_its_share_of_the_minutes_tokens(clock):
    assert starts_of(clock, limiter(clock, tokens_per_minute=60), [30, 15, 1]) == [0, 30, 45]


def test_the_tighter_of_the_two_limits_holds(clock):
    both = limiter(clock, requests_per_minute=60, tokens_per_minute=600)
    assert starts_of(clock, both, [100, 1, 1]) == [0, 10, 11]


def test_without_limits_nobody_waits(clock):
    assert starts_of(clock, limiter(clock), [10**9] * 3) == [0, 0, 0]


def test_those_who_wait_together_are_let_through_one_by_one(clock):
    one_a_second = limiter(clock, requests_per_minute=60)

    async def call_together() -> list[float]:
        async def call() -> float:
            await one_a_second.take(1)
            return clock.now()

        return await asyncio.gather(*(call() for _ in range(5)))

    assert sorted(clock.run(call_together())) == pytest.approx([0, 1, 2, 3, 4])


def test_a_pause_holds_everyone_back(clock):
    paused = limiter(clock)
    paused.pause(45.5)
    assert starts_of(clock, paused, [1, 1]) == [45.5, 45.5]


def test_a_shorter_pause_does_not_end_a_longer_one(clock):
    paused = limiter(clock)
    paused.pause(30)
    paused.pause(2)
    assert starts_of(clock, paused, [1]) == [30]


def test_a_pause_reaches_those_who_wait_already(clock):
    paused = limiter(clock, requests_per_minute=60)

    async def pause_while_waiting() -> float:
        await paused.take(1)
        waiting = asyncio.ensure_future(paused.take(1))
        await clock.sleep(0.5)
        paused.pause(10)
        await waiting
        return clock.now()

    assert clock.run(pause_while_waiting()) == 10.5


def test_after_idling_at_most_a_second_is_caught_up(clock):
    """Eight a second: after a minute of idling nine at once, the missed eight among them, then in turn."""
    starts = starts_of(clock, limiter(clock, requests_per_minute=480), [1] * 11, [60.0, *[0.0] * 10])
    assert starts == [60.0] * 9 + [60.125, 60.25]


@given(calls=st.lists(st.tuples(st.integers(1, 4000), st.floats(0, 10)), min_size=2, max_size=40))
def test_no_stretch_of_time_sees_more_than_its_share_and_one_second_of_catching_up(fresh_clock, calls):
    """Between any two calls lies what the calls since the first one take, less one second."""
    clock = fresh_clock()
    tokens, idle_s = zip(*calls, strict=True)
    starts = starts_of(clock, limiter(clock, 120, 60_000), list(tokens), list(idle_s))
    takes_s = [max(60 / 120, 60 * count / 60_000) for count in tokens]
    for first in range(len(starts)):
        for last in range(first + 1, len(starts)):
            assert starts[last] - starts[first] >= sum(takes_s[first:last]) - 1 - 1e-6


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("requests_per_minute", 0, "greater than 0"),
        ("tokens_per_minute", -1, "greater than 0"),
        ("concurrency", 0, "greater than or equal to 1"),
        ("concurrency", 1025, "less than or equal to 1024"),
        ("timeout_s", 0, "greater than 0"),
        ("attempts", 0, "greater than or equal to 1"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(setting: str, value: float, message: str):
    with pytest.raises(ValidationError, match=rf"{setting}\n.*{message}"):
        LimitSettings(**{setting: value})


def test_the_real_clock_never_goes_back():
    clock = RealClock()
    before = clock.now()
    asyncio.run(clock.sleep(0))
    assert clock.now() >= before
