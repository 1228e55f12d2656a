"""Waits for batch jobs, gives up those that are late, and takes their results."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace

from tasks.asking.batch_records import BatchRecord, BatchRecords
from tasks.asking.job import Outcome
from tasks.asking.meter import Meter
from tasks.asking.money import Allowance
from tasks.asking.provider import Answer, BatchProvider, QuestionRejectedError, TryAgainError
from tasks.storage.answers import Spent, StoredAnswer

_CANCEL_POLLS = 5  # after which a cancelled job is left to the next run
_IN_VAIN = 10  # looks at a job that fail in a row


@dataclass(frozen=True)
class BatchTimes:
    """How long to wait for a job, and how often to look."""

    deadline_s: float
    poll_s: float


@dataclass
class BatchWatch:
    """One model's jobs that have been submitted, by this run or an earlier one."""

    provider: BatchProvider
    records: BatchRecords
    times: BatchTimes
    allowance: Allowance
    meter: Meter
    put: Callable[[str, StoredAnswer, Spent], None]  # stores an answer and what it took
    charge: Callable[[Spent], None]  # what was paid for an answer that is not stored
    stored_at: Callable[[str], str | None]  # key → when its stored answer arrived; None: there is none
    told: Callable[[int, int, str], None] = lambda done, total, word: None  # how far a job is, in the server's word
    outcome: Outcome = field(default_factory=Outcome)
    taken: set[str] = field(default_factory=set)  # keys that got an answer
    reserved: dict[str, Spent] = field(default_factory=dict)  # by name; an earlier run's jobs had that run's money
    in_vain: Counter[str] = field(default_factory=Counter)

    async def wait_for(self, records: Iterable[BatchRecord]) -> None:
        """Until each has ended or is late. They are looked at in turn, so that none waits behind another."""
        waiting = list(records)
        while waiting:
            waiting = [record for record in waiting if not await self._is_over(record)]
            if waiting:
                await asyncio.sleep(self.times.poll_s)

    async def take_if_ended(self, record: BatchRecord) -> None:
        """One look."""
        if await self._has_ended(record):
            await self._take(record)

    async def _is_over(self, record: BatchRecord) -> bool:
        """At least one look: a job may have ended while nobody ran, long before or after its deadline."""
        if await self._has_ended(record):
            await self._take(record)
            return True
        if record.age_s() < self.times.deadline_s:
            return False
        if await self._cancelled(record):
            await self._take(record)
        else:
            self.records.give_up(record)
        return True

    async def _has_ended(self, record: BatchRecord) -> bool:
        assert record.job is not None
        try:
            state = await self.provider.look(record.job)
        except TryAgainError as error:
            self.in_vain[record.name] += 1
            if self.in_vain[record.name] == _IN_VAIN:
                raise
            self.told(0, len(record.asked), str(error))
            return False
        self.in_vain[record.name] = 0
        self.told(state.done, state.total or len(record.asked), state.told)
        return state.ended

    async def _cancelled(self, record: BatchRecord) -> bool:
        """What it has answered so far is paid, and taken."""
        assert record.job is not None
        with suppress(TryAgainError, QuestionRejectedError):
            with suppress(TryAgainError, QuestionRejectedError):  # refused where it has ended meanwhile
                await self.provider.cancel(record.job)
            for _ in range(_CANCEL_POLLS):
                if (await self.provider.look(record.job)).ended:
                    return True
                await asyncio.sleep(self.times.poll_s)
        return False

    async def _take(self, record: BatchRecord) -> None:
        """Whatever results there are."""
        assert record.job is not None
        used = Spent()
        async for key, result in self.provider.results(record.job):
            if key not in record.asked:  # Anthropic's: a job that only might have been ours
                continue
            if isinstance(result, Answer):
                used = used + self._keep(record, key, result)
            elif isinstance(result, QuestionRejectedError):
                self.outcome.failed[key] = str(result)
        if record.name in self.reserved:
            self.allowance.settle(self.reserved.pop(record.name), used)
        self.outcome.spent = self.outcome.spent + used
        self.records.close(record)

    def _keep(self, record: BatchRecord, key: str, answer: Answer) -> Spent:
        spent = self.meter.in_batch(answer, record.most_usd / len(record.asked))
        if record.is_older_than(self.stored_at(key)):
            if not record.given_up:  # a run that was cut off while it took the results has counted it
                return Spent()
            self.charge(spent)  # asked online since, and that answer is the one that tables show
            return spent
        self.put(key, replace(self.meter.stored(answer, latency_s=0.0), **asdict(record.asked[key])), spent)
        self.taken.add(key)
        self.outcome.answered += 1
        self.outcome.batched += 1
        return spent
