"""Asks many questions at once: one retry layer, within the limits and the money, each answer stored as it arrives."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator

import diskcache

from tasks.asking.endings import GIVEN_UP, Endings, StoppedError
from tasks.asking.job import Job, Keeper, Outcome, Stop
from tasks.asking.limits import LimitSettings, RateLimiter, wait_unless
from tasks.asking.meter import Meter
from tasks.asking.money import Allowance, Price
from tasks.asking.provider import (
    Answer,
    CandidatesRefusedError,
    Provider,
    Question,
    QuestionRejectedError,
    TryAgainError,
)
from tasks.asking.waits import LONGEST_WAIT_S, wait_s
from tasks.storage.answers import Spent, StoredAnswer

_NO_ROOM = (OSError, sqlite3.Error, diskcache.Timeout)


class Engine:
    """One provider's questions of one run. Made and used within one event loop."""

    def __init__(
        self,
        provider: Provider,
        limits: LimitSettings,
        allowance: Allowance,
        price: Price | None,
        keeper: Keeper,
        renewed: Callable[[], str] = str,
        outcome: Outcome | None = None,
        shared_slot: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`renewed` tells when a new day's quota begins; `shared_slot` waits for one of a quota that machines share."""
        self._provider = provider
        self._limits = limits
        self._allowance = allowance
        self._meter = Meter(price)
        self._keeper = keeper
        self._outcome = outcome if outcome is not None else Outcome()
        self._endings = Endings(self._outcome, renewed)
        self._stopped = self._endings.stopped
        self._limiter = RateLimiter(limits, self._stopped, shared_slot)
        self._now = asyncio.get_running_loop().time
        self._under_way = 0
        self._call_ended = asyncio.Event()
        self._one_candidate = False
        self._begun = asyncio.Event()  # the first call of all has ended, however it did

    async def ask_all(self, jobs: Iterable[Job]) -> Outcome:
        """Asks in the order of `jobs`. Never raises for a question: see the outcome, which adds up over calls.

        The very first question goes alone: what it used corrects the estimate for all others before their money is
        set aside, and a wrong key costs one call.
        """
        queue = iter(jobs)
        async with asyncio.TaskGroup() as workers:
            workers.create_task(self._begin(queue))
            await self._begun.wait()
            for _ in range(self._limits.concurrency - 1):
                workers.create_task(self._work(queue))
        return self._outcome

    async def _begin(self, queue: Iterator[Job]) -> None:
        while not (self._begun.is_set() or self._stopped.is_set()) and (first := next(queue, None)):
            await self._finish(first)  # one that cannot be put is no call
        self._begun.set()
        await self._work(queue)

    async def _work(self, queue: Iterator[Job]) -> None:
        while not self._stopped.is_set() and (job := next(queue, None)):
            await self._finish(job)

    async def _finish(self, job: Job) -> None:
        """Until the job's draws are answered or given up."""
        try:
            if self._one_candidate and len(job.keys) > 1:
                await self._one_by_one(job)
            else:
                await self._attempts(job)
        except GIVEN_UP as error:
            self._endings.give_up(job, error)

    async def _attempts(self, job: Job) -> None:
        question = job.read(job.draws)
        for attempt in range(1, self._limits.attempts + 1):
            try:
                answered = await self._call(job, question, attempt)
            except TryAgainError as error:
                if attempt == self._limits.attempts or (error.wait_s or 0) > LONGEST_WAIT_S:
                    raise
                await self._back_off(error, attempt)
                continue
            except CandidatesRefusedError as error:
                if len(job.keys) == 1:
                    raise QuestionRejectedError(str(error), for_all=True) from error
                self._one_candidate = True
                answered = 0
            if answered == len(job.keys):
                return
            job = job.rest(answered)
            if self._one_candidate:
                await self._one_by_one(job)
                return
            question = job.read(job.draws)
        if len(job.keys) > 1:
            await self._one_by_one(job)
        else:
            self._endings.give_up(job, TryAgainError("the model gave no candidate"))

    async def _one_by_one(self, job: Job) -> None:
        for single in job.one_by_one():
            await self._finish(single)

    async def _call(self, job: Job, question: Question, attempt: int) -> int:
        """One call within all limits; how many draws it answered."""
        most = self._meter.most(job)
        await self._reserve(most)
        used = Spent()
        try:
            sent_at = await self._limiter.take(self._meter.input_tokens(job))
            if self._stopped.is_set():
                raise StoppedError
            self._outcome.calls += 1
            try:
                answers = await self._provider.ask(question)
            except asyncio.CancelledError:  # interrupted: the model may answer all the same
                used = self._lost(most)
                raise
            used = self._kept(job, answers, self._now() - sent_at)
            return len(answers)
        except TryAgainError as error:
            if error.limited:
                self._outcome.limited += 1
                self._limiter.pause(wait_s(error.wait_s, attempt), sent_at)
            if error.may_be_paid:
                used = self._lost(most)
            raise
        finally:
            self._allowance.settle(most, used)
            self._outcome.spent = self._outcome.spent + used
            self._under_way -= 1
            self._call_ended.set()
            self._begun.set()

    async def _reserve(self, most: Spent) -> None:
        """Waits while calls under way may take less than they could; stops the run when there are none."""
        while (ceiling := self._allowance.reserve(most)) is not None:
            if not self._under_way:
                self._endings.stop(Stop(f"{ceiling.told} is used up", "quota", ceiling.go_on))
            if self._stopped.is_set():
                raise StoppedError
            self._call_ended.clear()
            await self._call_ended.wait()
        self._under_way += 1

    def _kept(self, job: Job, answers: list[Answer], latency_s: float) -> Spent:
        """Stores what arrived; what it took."""
        self._endings.answered()
        total = Spent()
        for key, answer, spent in zip(job.keys, answers, self._meter.took(job, answers), strict=False):
            total = total + spent
            self._store(key, self._meter.stored(answer, latency_s), spent)
        return total

    def _lost(self, most: Spent) -> Spent:
        """Counts a call whose answer got lost as the most that it can have taken."""
        used = Spent(most.calls, most.tokens, most.usd, most.usd)
        try:
            self._keeper.charge(used)
        except _NO_ROOM as error:
            self._endings.not_stored("what a call may have cost", error)
        return used

    def _store(self, key: str, answer: StoredAnswer, spent: Spent) -> None:
        """A full disk stops the asking; answers that are under way are still taken, where there is room."""
        try:
            self._keeper.keep(key, answer, spent)
        except _NO_ROOM as error:
            self._endings.not_stored("an answer", error)
        else:
            self._outcome.answered += 1

    async def _back_off(self, error: TryAgainError, attempt: int) -> None:
        """After "too many requests" everyone waits, in the limiter."""
        if not error.limited:
            await wait_unless(self._stopped, wait_s(error.wait_s, attempt))
