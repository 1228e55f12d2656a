"""How much of a server's own limit the engine uses, and how seldom it is turned away: minutes of simulated time."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from tasks.asking.job import Outcome
from tasks.asking.provider import Answer, Question, TryAgainError

PER_MINUTE = 1200
MINUTES = 5
QUESTIONS = PER_MINUTE * (MINUTES + 1)  # more than five minutes take


@dataclass
class SlidingMinute:
    """At most 1,200 calls in any minute."""

    let_in: deque[float] = field(default_factory=deque)

    def wait_s(self, now: float) -> float:
        """0 lets the call in."""
        while self.let_in and now - self.let_in[0] >= 60:
            self.let_in.popleft()
        if len(self.let_in) >= PER_MINUTE:
            return self.let_in[0] + 60 - now
        self.let_in.append(now)
        return 0


def minute_used_up_before() -> SlidingMinute:
    """By an earlier run: its calls leave the minute from 20 s to 50 s."""
    return SlidingMinute(deque(-40 + call / 40 for call in range(PER_MINUTE)))


@dataclass
class Bucket:
    """Twenty a second, and twenty at once after a quiet second."""

    full: float = 20.0
    at: float = 0.0

    def wait_s(self, now: float) -> float:
        """0 lets the call in."""
        self.full = min(20.0, self.full + (now - self.at) * PER_MINUTE / 60)
        self.at = now
        if self.full < 1:
            return (1 - self.full) * 60 / PER_MINUTE
        self.full -= 1
        return 0


@dataclass
class Server:
    """Keeps `Provider`. A call travels for up to a tenth of a second; an answer takes a second, a 429 no time."""

    time: Any
    limit: SlidingMinute | Bucket
    names_wait: bool
    answer: Answer
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    replies: list[tuple[float, bool]] = field(default_factory=list)  # when a call arrived, whether it was let in

    async def ask(self, question: Question) -> list[Answer]:
        await asyncio.sleep(self.dice.uniform(0, 0.1))
        now = self.time.now()
        wait_s = self.limit.wait_s(now)
        self.replies.append((now, wait_s == 0))
        if wait_s:
            raise TryAgainError("429", wait_s if self.names_wait else None, limited=True)
        await asyncio.sleep(self.dice.uniform(0.5, 1.5))
        return [self.answer]

    async def close(self) -> None:
        """Holds nothing."""

    def turned_away(self, from_s: float = 0) -> float:
        """Share of calls."""
        later = [is_in for at, is_in in self.replies if at >= from_s]
        return 1 - sum(later) / len(later)

    def used(self, from_s: float = 0, to_s: float = 60 * MINUTES) -> float:
        """Share of what the limit allows."""
        let_in = sum(is_in for at, is_in in self.replies if from_s <= at < to_s)
        return let_in / (PER_MINUTE / 60 * (to_s - from_s))


Simulate = Callable[..., tuple[Server, Outcome]]


@pytest.fixture(scope="module")
def simulate(make_run, answer) -> Simulate:
    @cache  # several tests look at one simulation
    def simulate(limit: Callable[[], Any], requests_per_minute: float | None, names_wait: bool = True):
        random.seed(0)  # the jitter of back-offs
        run = make_run(
            provider=lambda time: Server(time, limit(), names_wait, answer),
            requests_per_minute=requests_per_minute,
            concurrency=64,
        )
        outcome = run.ask(QUESTIONS)
        return run.provider, outcome

    return simulate


servers = pytest.mark.parametrize("limit", [SlidingMinute, Bucket])
waits = pytest.mark.parametrize("names_wait", [True, False], ids=["names a wait", "names none"])
too_high = pytest.mark.parametrize("requests_per_minute", [2 * PER_MINUTE, None], ids=["twice too high", "not at all"])


@servers
def test_configured_right_no_call_is_turned_away(simulate: Simulate, limit):
    assert simulate(limit, PER_MINUTE)[0].turned_away() == 0


@servers
def test_configured_right_97_percent_of_the_limit_are_used(simulate: Simulate, limit):
    assert simulate(limit, PER_MINUTE)[0].used() >= 0.97


@servers
@too_high
@waits
def test_configured_wrong_under_3_percent_are_turned_away(simulate: Simulate, limit, requests_per_minute, names_wait):
    """After the first 15 s, in which it finds out."""
    server, _ = simulate(limit, requests_per_minute, names_wait)
    assert server.turned_away(from_s=15) < 0.03


@servers
@too_high
@waits
def test_configured_wrong_80_percent_of_the_limit_are_used(simulate: Simulate, limit, requests_per_minute, names_wait):
    """After the first minute, which lets the burst of its beginning through."""
    server, _ = simulate(limit, requests_per_minute, names_wait)
    assert server.used(from_s=60) >= 0.8


@servers
@too_high
@waits
def test_no_question_is_given_up_for_being_one_too_many(simulate: Simulate, limit, requests_per_minute, names_wait):
    _, outcome = simulate(limit, requests_per_minute, names_wait)
    assert (outcome.answered, outcome.failed) == (QUESTIONS, {})


@servers
@too_high
@waits
def test_the_outcome_counts_all_calls_and_those_turned_away(simulate, limit, requests_per_minute, names_wait):
    server, outcome = simulate(limit, requests_per_minute, names_wait)
    turned_away = sum(not is_in for _, is_in in server.replies)
    assert (outcome.calls, outcome.limited) == (len(server.replies), turned_away)


@waits
def test_after_a_minute_that_another_run_had_used_up_all_of_the_limit_is_used_again(simulate: Simulate, names_wait):
    """The first call is turned away, so nothing is known of how much is let through: 97 % from the third minute on."""
    assert simulate(minute_used_up_before, PER_MINUTE, names_wait)[0].used(from_s=120) >= 0.97


@too_high
def test_so_is_more_than_half_of_it_when_configured_wrong(simulate: Simulate, requests_per_minute):
    """Of all five minutes, the first half minute of which was used up."""
    assert simulate(minute_used_up_before, requests_per_minute)[0].used() >= 0.5
