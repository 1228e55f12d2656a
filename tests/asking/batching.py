"""A provider of batch jobs that follows a script, and runs that use it one after another, as processes do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.asking.batch import Batches
from tasks.asking.batch_records import Asked, BatchRecord, BatchRecords
from tasks.asking.batch_watch import BatchTimes, BatchWatch
from tasks.asking.job import Job, Outcome
from tasks.asking.meter import Meter
from tasks.asking.money import Allowance, Price
from tasks.asking.provider import Answer, BatchState, Question, QuestionRejectedError, TryAgainError
from tasks.storage.answers import Spent, StoredAnswer

Result = Answer | Exception
ANSWER = Answer('{"sad": 1}', refusal=None, model_version="made-up-1", input_tokens=100, output_tokens=10)
PRICE = Price(audio_input=10, text_input=10, output=100, as_of="2026-11")  # ANSWER costs $0.002
RUNNING, ENDED = BatchState(False, 1, 2, "running"), BatchState(True, 2, 2, "ended")


@dataclass
class Server:
    """Keeps `BatchProvider`. Jobs are called job-0, job-1 and so on.

    `looks` says what the next looks get, and an error is raised; the last one stays. `results` says what each key of an
    ended job has, where it is not ANSWER.
    """

    looks: list[BatchState | Exception] = field(default_factory=lambda: [ENDED])
    answers: dict[str, Result] = field(default_factory=dict)
    refuses: Exception | None = None  # to take a job; with `arrives` it takes it all the same
    arrives: bool = False
    breaks_after: int | None = None  # results
    broken: Exception = field(default_factory=lambda: TryAgainError("the results broke off"))
    most_bytes: int = 1000
    most_questions: int = 100
    jobs: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    looked: int = 0
    cancelled: list[str] = field(default_factory=list)

    async def ask(self, question: Question) -> list[Answer]:
        raise AssertionError("asked online")

    async def close(self) -> None:
        """Holds nothing."""

    async def submit(self, name: str, questions: Mapping[str, Question]) -> str:
        if self.refuses is None or self.arrives:
            job = f"job-{len(self.jobs)}"
            self.jobs[job], self.names[name] = list(questions), job
        if self.refuses is not None:
            raise self.refuses
        return job

    async def find(self, name: str, keys: set[str]) -> str | None:
        return self.names.get(name)

    async def look(self, job: str) -> BatchState:
        if job not in self.jobs:
            raise QuestionRejectedError(f"404 no job {job}", for_all=True)
        self.looked += 1
        seen = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(seen, Exception):
            raise seen
        return seen

    async def results(self, job: str) -> AsyncIterator[tuple[str, Result]]:
        for n, key in enumerate(self.jobs[job]):
            if n == self.breaks_after:
                raise self.broken
            yield key, self.answers.get(key, ANSWER)

    async def cancel(self, job: str) -> None:
        self.cancelled.append(job)


def asked_of(keys: Iterable[str]) -> dict[str, Asked]:
    return {key: Asked("a" * 64, "b" * 64, 0) for key in keys}


@dataclass
class Runs:
    """One folder of records and one store, which outlive a run."""

    folder: Path
    server: Server
    stored: dict[str, StoredAnswer] = field(default_factory=dict)
    puts: list[tuple[str, Spent]] = field(default_factory=list)
    charged: list[Spent] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)

    @property
    def records(self) -> BatchRecords:
        return BatchRecords(self.folder)

    @property
    def open(self) -> list[BatchRecord]:
        return self.records.open("a-model")

    async def ask(self, *keys: str, allowance: Allowance | None = None, deadline_s: float = 86400) -> Outcome:
        """A run that wants these keys."""
        batches = self.batches(allowance or Allowance(), deadline_s)
        await batches.ask(map(job_of, keys), asked_of(keys))
        return batches.watch.outcome

    async def collect(self, *keys: str) -> Outcome:
        """A run that wants these keys, of a teacher without `batch:`."""
        batches = self.batches(Allowance(), 86400)
        await batches.collect(asked_of(keys))
        return batches.watch.outcome

    def batches(self, allowance: Allowance, deadline_s: float) -> Batches:
        watch = BatchWatch(
            provider=self.server,
            records=self.records,
            times=BatchTimes(deadline_s, poll_s=30),
            allowance=allowance,
            meter=Meter(PRICE),
            put=self._put,
            charge=self.charged.append,
            stored_at=lambda key: self.stored[key].answered_at if key in self.stored else None,
            told=self._tell,
        )
        return Batches(self.server, self.records, "a-model", allowance, Meter(PRICE), watch)

    def _tell(self, done: int, total: int, word: str) -> None:
        self.told.append(word)
        self.totals.append(total)

    def _put(self, key: str, answer: StoredAnswer, spent: Spent) -> None:
        self.stored[key] = answer
        self.puts.append((key, spent))

    def leave(
        self,
        name: str = "left",
        job: str | None = "job-0",
        keys: tuple[str, ...] = ("a", "b"),
        *,
        given_up: bool = False,
    ) -> BatchRecord:
        """A job of a run that was killed, an hour ago."""
        asked = {key: Asked("a" * 64, "b" * 64, 0) for key in keys}
        an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
        return self.records.write(BatchRecord(name, "a-model", job, an_hour_ago, 0.01, asked, given_up))


def job_of(key: str) -> Job:
    def read(draws: tuple[int, ...]) -> Question:
        return Question("How?", draws, b"x" * 400, "audio/flac")

    return Job((key,), (0,), read, audio_tokens=50, text_tokens=50, output_tokens=10)
