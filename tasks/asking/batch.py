"""Asks in batch jobs: cheaper and slower. What has not arrived by the deadline is left to online calls."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.asking.batch_parts import parts_of
from tasks.asking.batch_records import Asked, BatchRecord, BatchRecords
from tasks.asking.batch_watch import BatchWatch
from tasks.asking.job import Job, Stop
from tasks.asking.meter import Meter
from tasks.asking.money import Allowance, Ceiling
from tasks.asking.provider import BatchProvider, DailyQuotaError, Question, QuestionRejectedError, TryAgainError
from tasks.storage.answers import Spent

Asks = tuple[Job, Question]


@dataclass
class Batches:
    """One model's jobs: those of this run, and those that an earlier run left."""

    provider: BatchProvider
    records: BatchRecords
    model: str
    allowance: Allowance
    meter: Meter
    watch: BatchWatch

    async def ask(self, jobs: Iterable[Job], asked: dict[str, Asked]) -> None:
        """Submits what no earlier job holds, then waits for all. See the outcome; what is not answered stays open.

        Args:
            jobs: One draw each.
            asked: Key → the question, for the record.
        """
        with self._told():
            await self._take_ended(asked)
            held = {key for record in self._held(asked) for key in record.asked}
            await self._submit_all((job for job in jobs if job.keys[0] not in held | self.watch.taken), asked)
            await self.watch.wait_for(self._held(asked))

    async def collect(self, asked: dict[str, Asked]) -> None:
        """Takes what has ended, and stops the run where some of these questions are in a job that has not."""
        with self._told():
            await self._take_ended(asked)
            waiting = self._held(asked)
            for record in waiting:
                await self.watch.take_if_ended(record)
            if count := len({key for record in self._held(asked) for key in record.asked} & asked.keys()):
                why = f"{count:,} of these draws wait in a batch job that an earlier run submitted"
                go_on = "Give `batch:` back to wait for it, or run the same command when it has ended."
                self._stop(Stop(why, "quota", go_on))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (TryAgainError, QuestionRejectedError, DailyQuotaError) as error:
            # Asking the same questions online now would pay for them twice.
            why = f"the server does not tell about a batch job that it was given ({error})"
            go_on = f"Run the same command again. Where the job is lost for good, remove its record in {self.records}."
            self._stop(Stop(why, "provider", go_on))

    def _stop(self, stop: Stop) -> None:
        self.watch.outcome.stopped = self.watch.outcome.stopped or stop

    def _held(self, asked: dict[str, Asked]) -> list[BatchRecord]:
        """The jobs that hold some of these questions."""
        records = self.records.open(self.model)
        return [record for record in records if not record.given_up and record.asked.keys() & asked.keys()]

    async def _take_ended(self, asked: dict[str, Asked]) -> None:
        """A look at the jobs that this run does not wait for: given up, or of other questions."""
        for record in [record for record in self.records.open(self.model) if await self._arrived(record)]:
            if record.given_up or not record.asked.keys() & asked.keys():
                await self.watch.take_if_ended(self.records.read(record.name))

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
        for whole in parts_of(jobs, self.provider, self.watch.outcome.failed):
            while whole:
                part, most, ceiling = self._affordable(whole, least=len(whole) if self.watch.reserved else 1)
                if ceiling is None:
                    if not await self._submit(part, most, asked):
                        return
                    whole = whole[len(part) :]
                elif self.watch.reserved:  # what jobs under way do not take of their money pays for more
                    await self.watch.wait_for([self.records.read(name) for name in self.watch.reserved])
                    self.watch.reserved.clear()  # of jobs that were given up the money stays set aside
                else:
                    self._stop(Stop(f"{ceiling.told} is used up", "quota", ceiling.go_on))
                    return

    def _affordable(self, whole: list[Asks], least: int) -> tuple[list[Asks], Spent, Ceiling | None]:
        """The first questions, as many as there is money for, and that money, set aside; else what does not allow one.

        Halved, since an answer may take all the tokens that it is allowed and seldom does: a job of 1,000 questions to
        a model that thinks sets aside some hundred times what it takes.
        """
        while True:
            # Only dollars: a provider counts batches apart from its limits for calls.
            most = Spent(usd=sum(self.meter.most(job).usd for job, _ in whole))
            ceiling = self.allowance.reserve(most)
            if ceiling is None or len(whole) <= least:
                return whole, most, ceiling
            whole = whole[: len(whole) // 2]

    async def _submit(self, part: list[Asks], most: Spent, asked: dict[str, Asked]) -> bool:
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
        self.watch.reserved[record.name] = most
        try:
            job_id = await self.provider.submit(record.name, {job.keys[0]: q for job, q in part})
        except (TryAgainError, DailyQuotaError, QuestionRejectedError) as error:
            await self._not_submitted(record, error)
            return False
        self.records.submitted(record, job_id)
        return True

    async def _not_submitted(self, record: BatchRecord, error: Exception) -> None:
        """The rest is asked online."""
        may_have_arrived = isinstance(error, TryAgainError) and error.may_be_paid
        if not (may_have_arrived and await self._arrived(record)):
            self.records.close(record)
            self.allowance.settle(self.watch.reserved.pop(record.name), Spent())
            if isinstance(error, DailyQuotaError):
                self._stop(Stop(f"the quota of batch jobs is used up ({error})", "quota"))
                return
            print(f"  the batch job was not taken ({error}); asking online, at the full price", flush=True)
