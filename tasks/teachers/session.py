"""One teacher's asking in one run: alone, within its money and quota, every answer stored under its own key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import cast
from zoneinfo import ZoneInfo

from tasks.asking.batch import Batches
from tasks.asking.batch_records import Asked, BatchRecords
from tasks.asking.batch_watch import BatchTimes, BatchWatch
from tasks.asking.engine import Engine
from tasks.asking.job import Outcome
from tasks.asking.meter import Meter
from tasks.asking.money import Allowance, Price, price_list, told_usd
from tasks.asking.provider import BatchProvider, Provider
from tasks.asking.quota import renewed_at
from tasks.asking.shared_quota import Blocks, SharedQuota
from tasks.contracts.progress import progress_bar
from tasks.storage.answers import AnswerStore, Spent, StoredAnswer
from tasks.storage.asking_locks import asking_alone
from tasks.teachers.ceilings import Purse, allowance_of
from tasks.teachers.paid import BatchSettings
from tasks.teachers.prompts import prompt_id
from tasks.teachers.questions import Questions
from tasks.teachers.wanted import Asking, Wanted


class Session:
    """Opens nothing before the first question: no lock, no connection, no SDK."""

    def __init__(
        self,
        name: str,
        asking: Asking,
        folder: Path,
        store: AnswerStore,
        answers: Path,
        purse: Purse,
        shared: SharedQuota | None = None,
    ) -> None:
        self.name = name
        self.model = asking.teacher.model
        self.outcome = Outcome()
        self._asking = asking
        self._teacher = asking.teacher
        self._questions = Questions(asking, folder)
        self._store = store
        self._answers = answers
        self._purse = purse
        self._shared = shared
        self._open = ExitStack()
        self._runner = asyncio.Runner()
        self._engine: Engine | None = None
        self._batches: Batches | None = None
        self._asked: dict[str, Wanted] = {}
        self._answered: set[str] = set()  # in this run
        self._told: Callable[[], object] = lambda: None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def ask(self, wanted: Sequence[Wanted], again: frozenset[str] = frozenset()) -> list[str]:
        """Asks for what is not stored, and for `again` (keys) although it is; returns the keys that were asked.

        Two runs that ask one model at the same time would pay for the same answers twice, and share one quota: the
        second waits. How it went: see `outcome`.
        """
        if not again and all(want.key in self._store for want in wanted):
            return []
        self._connect()
        missing = self.missing(wanted, again)  # another run may have asked meanwhile
        self._asked = {want.key: want for want in missing}
        if self._batches is not None:
            self._ask_in_batches(missing)
            missing = [] if self.outcome.stopped else self.missing(missing, again - self._answered)
        self._ask_online(missing)
        return list(self._asked)

    def missing(self, wanted: Sequence[Wanted], again: frozenset[str] = frozenset()) -> list[Wanted]:
        """What is not stored, and `again`."""
        return [want for want in wanted if want.key in again or want.key not in self._store]

    def keep(self, key: str, answer: StoredAnswer, spent: Spent) -> None:
        """See `Keeper`."""
        self._put(key, replace(answer, **vars(self._question(key))), spent)

    def charge(self, spent: Spent) -> None:
        """See `Keeper`."""
        self._store.charge(self.model, spent)

    def _put(self, key: str, answer: StoredAnswer, spent: Spent) -> None:
        self._store.put(key, answer, self.model, spent)
        self._answered.add(key)
        self._told()

    def _stored_at(self, key: str) -> str | None:
        answer = self._store.get(key)
        return None if answer is None else answer.answered_at

    def _question(self, key: str) -> Asked:
        want = self._asked[key]
        return Asked(want.sha256, self._asking.keys[want.prompt].asked_id, want.draw)

    def _ask_online(self, missing: list[Wanted]) -> None:
        assert self._engine is not None
        if not missing:
            return
        with progress_bar(f"asking {self.name} ({self.model})", len(missing), "draws") as bar:

            def told() -> None:
                bar.update()
                bar.set_postfix_str(told_usd(self.outcome.spent.usd), refresh=False)

            self._told = told
            jobs = self._questions.jobs(missing, self._teacher.candidates_per_call)
            self._runner.run(self._engine.ask_all(jobs))

    def _ask_in_batches(self, missing: list[Wanted]) -> None:
        assert self._batches is not None
        with progress_bar(f"batches of {self.name} ({self.model})", len(missing), "draws") as bar:

            def told(done: int, total: int, word: str) -> None:
                bar.set_postfix_str(f"a job of {total:,}: {done:,} done, {word}")

            self._batches.watch.told, self._told = told, bar.update
            asked = {want.key: self._question(want.key) for want in missing}
            if self._teacher.batch is None:
                self._runner.run(self._batches.collect(asked))
            else:
                self._runner.run(self._batches.ask(self._questions.jobs(missing), asked))

    def _connect(self) -> None:
        """Alone, with a provider, and with what is left of all ceilings; once."""
        if self._engine is not None:
            return
        teacher = self._teacher
        self._open.enter_context(asking_alone(self._answers, self.model))
        price = price_list(self._purse.prices).get(self.model)
        records = BatchRecords(self._answers / "batches")
        pending_usd = sum(record.most_usd for record in records.open(self.model))
        allowance = allowance_of(self.name, teacher, self._purse, price, self._store, pending_usd)
        for keys, prompt in zip(self._asking.keys, teacher.prompt, strict=True):
            self._store.note_asked(keys, prompt_id(prompt))
        self._open.enter_context(self._runner)
        shared_slot = self._shared_slot()
        provider = self._open.enter_context(teacher.connect(self._asking.asked))
        self._open.callback(self._close, provider)
        renewed = partial(renewed_at, ZoneInfo(teacher.quota_day))

        async def make() -> Engine:  # it belongs to the event loop
            return Engine(provider, teacher.limits, allowance, price, self, renewed, self.outcome, shared_slot)

        self._engine = self._runner.run(make())
        if teacher.batch is not None or pending_usd or records.open(self.model):
            self._batches = self._batches_of(cast(BatchProvider, provider), records, allowance, price)

    def _shared_slot(self) -> Callable[[], Awaitable[None]] | None:
        """Only online calls take slots: a provider counts batch jobs apart from its limits for calls."""
        if self._shared is None:
            return None
        blocks = Blocks(self._shared, self._shared.size().block(self._teacher.limits))
        self._open.callback(self._close, self._shared)
        return blocks.take

    def _close(self, each: Provider | SharedQuota) -> None:
        self._runner.run(each.close())

    def _batches_of(
        self, provider: BatchProvider, records: BatchRecords, allowance: Allowance, price: Price | None
    ) -> Batches:
        """Also where the teacher asks online now: what an earlier run submitted is paid."""
        meter = Meter(price.in_batches() if price else None)
        times = self._teacher.batch or BatchSettings()
        watch = BatchWatch(
            provider=provider,
            records=records,
            times=BatchTimes(times.deadline_h * 3600, times.poll_s),
            allowance=allowance,
            meter=meter,
            put=self._put,
            charge=self.charge,
            stored_at=self._stored_at,
            outcome=self.outcome,
        )
        return Batches(provider, records, self.model, allowance, meter, watch)
