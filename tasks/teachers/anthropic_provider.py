"""Asks Claude one question per call, or many as one batch job: at half the price, within a day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
from anthropic import omit
from anthropic.resources.messages import AsyncBatches

from tasks.asking.provider import Answer, BatchState, Question, TryAgainError
from tasks.teachers.anthropic_batches import Batch, Page, key_in, read_as, result_in
from tasks.teachers.anthropic_connection import Connection
from tasks.teachers.anthropic_reply import answer_in_body

if TYPE_CHECKING:
    from tasks.teachers.anthropic_proxy import AnthropicSettings

# The server takes 100,000 questions and 256 MB. 10,000 are some 30 MB, and less is lost with a job that hangs.
_MOST_QUESTIONS = 10_000
_MOST_BYTES = 100_000_000
_SUBMIT_TIMEOUT_S = 600.0  # a job that is lost is dear
_RESULTS_KEPT = timedelta(days=29)
_PAGE = 100
_MAYBE = "maybe:"  # stands before the id of a job that still runs and may be ours


class AnthropicProvider:
    """Keeps `asking.provider.Provider` and `BatchProvider`."""

    def __init__(self, asks: AnthropicSettings, classes: Sequence[str], key: str, base_url: str | None = None) -> None:
        self._connection = Connection(asks, classes, key, base_url)

    async def ask(self, question: Question) -> list[Answer]:
        """See `Provider`."""
        request = self._connection.request(question)
        with self._connection.failures():
            # The raw reply: the SDK's own reading takes a reply of any shape for an answer.
            reply = await self._connection.client.messages.with_raw_response.create(**request)
            body = await reply.read()
        return [answer_in_body(body)]

    async def close(self) -> None:
        """See `Provider`."""
        await self._connection.close()

    @property
    def most_bytes(self) -> int:
        """See `BatchProvider`."""
        return _MOST_BYTES

    @property
    def most_questions(self) -> int:
        """See `BatchProvider`."""
        return _MOST_QUESTIONS

    async def submit(self, name: str, questions: Mapping[str, Question]) -> str:
        """See `BatchProvider`. Jobs have no name here: `find` goes by the keys."""
        requests: Any = [
            {"custom_id": key, "params": self._connection.request(question)} for key, question in questions.items()
        ]
        with self._connection.failures(_SUBMIT_TIMEOUT_S):
            reply = await self._batches.with_raw_response.create(requests=requests, timeout=_SUBMIT_TIMEOUT_S)
        return read_as(Batch, await reply.read(), costs=True).id

    async def find(self, name: str, keys: set[str]) -> str | None:
        """See `BatchProvider`. The server tells the keys of a job only with its results, when it has ended.

        Until then nothing but the number of its questions speaks for a job. Where exactly one that runs has as many,
        it is returned as one that may be ours: to be waited for and, since it may be somebody else's, never cancelled.
        """
        running = []
        async for batch in self._recent():
            if batch.request_counts.total != len(keys):
                continue
            if not batch.has_ended:
                running.append(batch.id)
            elif not batch.archived_at and await self._is_about(batch.id, keys):
                return batch.id
        return f"{_MAYBE}{running[0]}" if len(running) == 1 else None

    async def look(self, job: str) -> BatchState:
        """See `BatchProvider`."""
        with self._connection.failures(costs=False):
            reply = await self._batches.with_raw_response.retrieve(_id(job))
        return read_as(Batch, await reply.read()).state

    async def results(self, job: str) -> AsyncIterator[tuple[str, Answer | Exception]]:
        """See `BatchProvider`. A job that only may be ours can hold keys that nobody asked for."""
        async with self._result_lines(job) as lines:
            async for line in lines:
                yield result_in(line, self._connection.key)

    async def cancel(self, job: str) -> None:
        """See `BatchProvider`. A job that only may be ours is left alone."""
        if not job.startswith(_MAYBE):
            with self._connection.failures(costs=False):
                await self._batches.with_raw_response.cancel(job)

    @property
    def _batches(self) -> AsyncBatches:
        return self._connection.client.messages.batches

    async def _recent(self) -> AsyncIterator[Batch]:
        """The account's jobs whose results are still kept, the newest first."""
        oldest, after = datetime.now(UTC) - _RESULTS_KEPT, None
        while True:
            with self._connection.failures(costs=False):
                reply = await self._batches.with_raw_response.list(limit=_PAGE, after_id=after or omit)
            page = read_as(Page, await reply.read())
            for batch in page.data:
                if batch.created_at < oldest:
                    return
                yield batch
            if not page.has_more or not page.data:
                return
            after = page.data[-1].id

    async def _is_about(self, job: str, keys: set[str]) -> bool:
        """A job is submitted as a whole, so its first result speaks for all."""
        async with self._result_lines(job) as lines:
            async for line in lines:
                return key_in(line) in keys
        return False

    @asynccontextmanager
    async def _result_lines(self, job: str) -> AsyncIterator[AsyncIterator[str]]:
        """One line per question, in no order, read as they arrive."""
        with self._connection.failures(costs=False):
            try:
                async with self._batches.with_streaming_response.results(_id(job)) as reply:
                    yield reply.iter_lines()
            except (httpx2.TransportError, ValueError) as error:  # what came is kept, and the rest is read again
                raise TryAgainError(f"the results broke off: {type(error).__name__}: {error}") from error


def _id(job: str) -> str:
    return job.removeprefix(_MAYBE)
