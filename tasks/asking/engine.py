"""Asks many questions at once: one retry layer, within the limits and the budget, each answer stored as it arrives."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import diskcache

from tasks.asking.limits import Clock, LimitSettings, RateLimiter, RealClock
from tasks.asking.money import Budget, Price
from tasks.asking.provider import Answer, DailyQuotaError, Provider, Question, QuestionRejectedError, TryAgainError
from tasks.storage.answers import StoredAnswer

_LONGEST_WAIT_S = 300.0  # a server that asks for more is out, not busy
_FIRST_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = 60.0
# This many questions given up in a row, with no answer between them: the provider is out.
_OUT_AFTER = 20


@dataclass(frozen=True)
class Job:
    """One question with the key that its answer is stored under. The audio is read when its turn comes."""

    key: str
    read: Callable[[], Question]
    audio_tokens: int
    text_tokens: int
    output_tokens: int  # at most

    @property
    def tokens(self) -> int:
        return self.audio_tokens + self.text_tokens


@dataclass
class Outcome:
    """How a run of questions ended.

    Attributes:
        answered: How many answers arrived and were stored.
        paid_usd: What they cost.
        failed: Key → why no answer came.
        stopped: Why asking ended early; None if it did not.
        out_of_money: Stopped by the budget or the daily quota.
        cannot_store: Stopped because an answer could not be stored.
    """

    answered: int = 0
    paid_usd: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None
    out_of_money: bool = False
    cannot_store: bool = False


class Engine:
    """One provider's questions of one run."""

    def __init__(
        self,
        provider: Provider,
        limits: LimitSettings,
        budget: Budget,
        price: Price | None,
        keep: Callable[[str, StoredAnswer], None],
        clock: Clock | None = None,
    ) -> None:
        self._provider = provider
        self._limits = limits
        self._budget = budget
        self._price = price
        self._keep = keep
        self._clock = clock or RealClock()
        self._limiter = RateLimiter(limits, self._clock)
        self._outcome = Outcome()
        self._given_up_in_a_row = 0
        self._under_way = 0
        self._call_ended = asyncio.Event()

    async def ask_all(self, jobs: Iterable[Job]) -> Outcome:
        """Asks in the order of `jobs`. Never raises for a question: see the outcome."""
        queue = iter(jobs)
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._limits.concurrency):
                workers.create_task(self._work(queue))
        return self._outcome

    async def _work(self, queue: Iterator[Job]) -> None:
        for job in queue:
            if self._outcome.stopped:
                return
            reserved_usd = self._most_usd(job)
            if not await self._reserve(reserved_usd):
                return
            await self._settled(self._ask(job), job, reserved_usd)

    async def _reserve(self, usd: float) -> bool:
        """Waits while calls under way may cost less than they could; stops the run when there are none."""
        while not self._budget.reserve(usd):
            if not self._under_way:
                self._stop(f"the budget of ${self._budget.ceiling_usd:g} is spent", out_of_money=True)
            if self._outcome.stopped:
                return False
            self._call_ended.clear()
            await self._call_ended.wait()
        self._under_way += 1
        return True

    async def _settled(self, asking: Awaitable[tuple[Answer, float]], job: Job, reserved_usd: float) -> None:
        paid_usd = 0.0
        try:
            answer, latency_s = await asking
            paid_usd = self._price.of(answer) if self._price else 0.0
            self._outcome.paid_usd += paid_usd
            self._store(job.key, self._stored(answer, latency_s))
            self._given_up_in_a_row = 0
        except DailyQuotaError as error:
            self._stop(f"the daily quota is used up ({error})", out_of_money=True)
        except QuestionRejectedError as error:
            self._give_up(job, str(error))
            if error.for_all:
                self._stop(str(error))
            elif not self._outcome.answered and len(self._outcome.failed) >= _OUT_AFTER:
                self._stop(f"the first {_OUT_AFTER} questions were all rejected, the last: {error}")
        except TryAgainError as error:
            self._give_up(job, str(error))
            self._given_up_in_a_row += 1
            if self._given_up_in_a_row >= _OUT_AFTER:
                self._stop(f"the provider is out: {_OUT_AFTER} questions in a row got no answer, the last: {error}")
        finally:
            self._budget.settle(reserved_usd, paid_usd)
            self._under_way -= 1
            self._call_ended.set()

    async def _ask(self, job: Job) -> tuple[Answer, float]:
        question = job.read()
        for attempt in range(1, self._limits.attempts + 1):
            await self._limiter.take(job.tokens)
            if self._outcome.stopped:
                raise TryAgainError("not asked: the run was stopped")
            sent_at = self._clock.now()
            try:
                return await self._provider.ask(question), self._clock.now() - sent_at
            except TryAgainError as error:
                if attempt == self._limits.attempts or (error.wait_s or 0) > _LONGEST_WAIT_S:
                    raise
                await self._back_off(error, attempt)
        raise AssertionError("attempts is at least 1")

    async def _back_off(self, error: TryAgainError, attempt: int) -> None:
        """The server's own wait where it named one, else full jitter (Brooker 2015)."""
        ceiling_s = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2 ** (attempt - 1))
        wait_s = error.wait_s if error.wait_s is not None else random.uniform(0, ceiling_s)
        if error.limited:
            self._limiter.pause(wait_s)
        else:
            await self._clock.sleep(wait_s)

    def _most_usd(self, job: Job) -> float:
        if self._price is None:
            return 0.0
        return self._price.estimate(job.audio_tokens, job.text_tokens, job.output_tokens)

    def _stored(self, answer: Answer, latency_s: float) -> StoredAnswer:
        return StoredAnswer(
            **vars(answer),
            cost_usd=self._price.of(answer) if self._price else None,
            latency_s=round(latency_s, 4),
            answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _store(self, key: str, answer: StoredAnswer) -> None:
        """A full disk stops the asking; answers that are under way are still taken, where there is room."""
        try:
            self._keep(key, answer)
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            self._outcome.cannot_store = True
            self._stop(f"an answer could not be stored: {error}")
        else:
            self._outcome.answered += 1

    def _give_up(self, job: Job, why: str) -> None:
        self._outcome.failed[job.key] = why

    def _stop(self, why: str, *, out_of_money: bool = False) -> None:
        self._outcome.stopped = self._outcome.stopped or why
        self._outcome.out_of_money = self._outcome.out_of_money or out_of_money
