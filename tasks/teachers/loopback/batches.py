"""Batches: many questions handed in at once, answered when somebody looks and it is time."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from tasks.teachers.loopback.model import Asked, Loopback
from tasks.teachers.loopback.questions import Question
from tasks.teachers.loopback.wire import RefusedError, Reply, Wire

State = Literal["pending", "running", "succeeded", "cancelled", "expired", "failed"]
FATES: dict[str, State] = {"batch_expires": "expired", "batch_fails": "failed"}


@dataclass(frozen=True)
class Item:
    """One question of a batch: what it is to be recognised by, and its request body."""

    key: object
    body: object


@dataclass
class Job:
    """One batch. `end` is what it comes to unless it is cancelled; None: it never ends by itself."""

    id: str
    name: str | None
    items: Sequence[Item]
    takes_s: float
    end: State | None = "succeeded"
    started: float = field(default_factory=time.monotonic)
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    cancelled_after: int | None = None  # answers
    results: list[Reply | RefusedError] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def state(self, now: float) -> State:
        """How it stands."""
        if self.cancelled_after is not None:
            return "cancelled"
        if self.end is not None and now - self.started >= self.takes_s:
            return self.end
        return "running" if self.done(now) else "pending"

    def done(self, now: float) -> int:
        """How many are answered by now: they come evenly over its time; of one that hangs, half."""
        if self.cancelled_after is not None:
            return self.cancelled_after
        if self.end is None:
            return len(self.items) // 2
        share = min((now - self.started) / self.takes_s, 1) if self.takes_s else 1.0
        return int(len(self.items) * share) if self.end == "succeeded" else 0

    def cancel(self, now: float) -> None:
        """Stops it, if it still runs."""
        if not self.has_ended(now):
            self.cancelled_after = self.done(now)

    def has_ended(self, now: float) -> bool:
        """Whether anything can still change."""
        return self.state(now) not in ("pending", "running")


@dataclass
class Batches:
    """All batches of one wire format."""

    loopback: Loopback
    wire: Wire
    jobs: dict[str, Job] = field(default_factory=dict)
    now: Callable[[], float] = time.monotonic

    def submit(self, items: Sequence[Item], name: str | None = None, prefix: str = "") -> Job:
        """A new batch; a fault may decide how it ends."""
        fault = self.loopback.batch_plan.next(is_batch=True)
        end = None if fault and fault.name == "batch_hangs" else FATES.get(fault.name if fault else "", "succeeded")
        job = Job(prefix + secrets.token_hex(8), name, items, self.loopback.settings.batch_s, end, self.now())
        self.jobs[job.id] = job
        return job

    def find(self, job_id: str) -> Job:
        """The batch with this id. RefusedError: there is none."""
        if job_id not in self.jobs:
            raise RefusedError("not_found", f"batch {job_id} does not exist")
        return self.jobs[job_id]

    async def results(self, job: Job) -> list[Reply | RefusedError]:
        """What has been answered by now, in the order of the items; two who look at once do not ask twice."""
        async with job.lock:
            for item in job.items[len(job.results) : job.done(self.now())]:
                job.results.append(await self._answer(item))
        return job.results

    async def _answer(self, item: Item) -> Reply | RefusedError:
        asked = Asked(time.time(), path="batch")
        self.loopback.log.append(asked)
        try:
            reply = await self.loopback.answer(self._read(item), asked, in_batch=True)
        except RefusedError as refused:
            asked.status = self.wire.write_refusal(refused).status
            return refused
        asked.status = 200
        self.loopback.batch_answered += 1
        return reply

    def _read(self, item: Item) -> Question:
        try:
            return self.wire.read_question(item.body)
        except ValueError as error:
            raise RefusedError("bad_request", str(error)) from None
