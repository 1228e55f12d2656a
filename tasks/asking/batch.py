"""Asks in batch jobs: cheaper and slower. What has not arrived by the deadline is left to online calls."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from tasks.asking.batch_parts import parts_of
from tasks.asking.batch_records import Asked, BatchRecord, BatchRecords
from tasks.asking.job import Job, Outcome, Stop
from tasks.asking.meter import Meter
from tasks.asking.money import Allowance
from tasks.asking.provider import (
    Answer,
    BatchProvider,
    DailyQuotaError,
    QuestionRejectedError,
    TryAgainError,
)
from tasks.storage.answers import Spent, StoredAnswer

_CANCEL_POLLS = 5  # after which a cancelled job is left to the next run
_IN_VAIN = 10  # looks that fail in a row


@dataclass(frozen=True)
class BatchTimes:
    """How long to wait for a job, and how often to look."""

    deadline_s: float
    poll_s: float


@dataclass
class Batches:
    """One model's jobs: those of this run, and those that an earlier run left."""

    provider: BatchProvider
    records: BatchRecords
    model: str
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

    async def ask(self, jobs: Iterable[Job], asked: dict[str, Asked]) -> None:
        """Submits what no earlier job holds, then waits for all. See `outcome`; what is not answered stays open.

        Args:
            jobs: One draw each.
            asked: Key → the question, for the record.
        """
        try:
            pending = [record for record in self.records.open(self.model) if await self._arrived(record)]
            for record in pending:
                if record.given_up:  # its answers may have come since: before their questions are put once more
                    await self._collect(record)
            held = {key for record in pending if not record.given_up for key in record.asked}
            new = (job for job in jobs if job.keys[0] not in held | self.taken)
            await self._submit_all(new, asked)
            for record in self.records.open(self.model):
                await self._collect(record)
        except (TryAgainError, QuestionRejectedError, DailyQuotaError) as error:
            # Asking the same questions online now would pay for them twice.
            why = f"the server does not tell about a batch job that it was given ({error})"
            go_on = (
                f"Run the same command again; where the job is lost for good, take its record out of {self.records}."
            )
            self.outcome.stopped = self.outcome.stopped or Stop(why, "provider", go_on)

    async def _arrived(self, record: BatchRecord) -> bool:
        """A run that was killed while it submitted does not know whether the server got the job."""
        if record.job is not None:
            return True
        job = await self.provider.find(record.name, set(record.asked))
        if job is None:
            self.records.close(record)
            return False
        self.records.submitted(record, job)
        return True

    async def _submit_all(self, jobs: Iterable[Job], asked: dict[str, Asked]) -> None:
        for part in parts_of(jobs, self.provider, self.outcome.failed):
            # Only dollars: a provider counts batches apart from its limits for calls.
            most = Spent(usd=sum(self.meter.most(job).usd for job, _ in part))
            if (ceiling := self.allowance.reserve(most)) is not None:
                self.outcome.stopped = Stop(f"{ceiling.told} is used up", "quota", ceiling.go_on)
                return
            record = self.records.write(
                BatchRecord(
                    name=f"mifuse-{uuid.uuid4().hex}",
                    model=self.model,
                    job=None,
                    submitted_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    most_usd=most.usd,
                    asked={job.keys[0]: asked[job.keys[0]] for job, _ in part},
                )
            )
            self.reserved[record.name] = most
            try:
                job_id = await self.provider.submit(record.name, {job.keys[0]: q for job, q in part})
            except (TryAgainError, DailyQuotaError, QuestionRejectedError) as error:
                await self._not_submitted(record, error)
                return
            self.records.submitted(record, job_id)

    async def _not_submitted(self, record: BatchRecord, error: Exception) -> None:
        """The rest is asked online, where the same trouble has its own treatment."""
        may_have_arrived = isinstance(error, TryAgainError) and error.may_be_paid
        if not (may_have_arrived and await self._arrived(record)):
            self.records.close(record)
            self.allowance.settle(self.reserved.pop(record.name), Spent())
            self.told(0, len(record.asked), f"not taken: {error}")

    async def _collect(self, record: BatchRecord) -> None:
        """Waits for the end, or cancels at the deadline; takes whatever results there are."""
        if not await self._ended(record) and not await self._cancelled(record):
            self.records.give_up(record)
            return
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
        spent = Spent(usd=self.meter.usd(answer))
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

    async def _ended(self, record: BatchRecord) -> bool:
        in_vain = 0
        while record.age_s() < self.times.deadline_s:
            try:
                assert record.job is not None
                state = await self.provider.look(record.job)
            except TryAgainError as error:
                in_vain += 1
                if in_vain == _IN_VAIN:
                    raise
                self.told(0, len(record.asked), str(error))
            else:
                in_vain = 0
                self.told(state.done, state.total or len(record.asked), state.told)
                if state.ended:
                    return True
            await asyncio.sleep(self.times.poll_s)
        return False

    async def _cancelled(self, record: BatchRecord) -> bool:
        """What it has answered so far is paid, and taken."""
        assert record.job is not None
        with suppress(TryAgainError, QuestionRejectedError):
            if record.given_up:
                return (await self.provider.look(record.job)).ended
            await self.provider.cancel(record.job)
            for _ in range(_CANCEL_POLLS):
                if (await self.provider.look(record.job)).ended:
                    return True
                await asyncio.sleep(self.times.poll_s)
        return False
