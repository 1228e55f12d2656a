"""Gemini's batch jobs: many questions at half the price, within a day or so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from google.genai import types

from tasks.asking.provider import Answer, BatchState, Question, QuestionRejectedError, TryAgainError
from tasks.asking.told import told
from tasks.teachers.gemini_provider import INLINE_BYTES_AT_MOST, GeminiProvider
from tasks.teachers.gemini_reply import answers_in, reached

_KEY = "key"  # of a request's metadata, which comes back with its result
_REJECTED = {3, 5, 7, 9, 16}  # gRPC: invalid argument, not found, permission denied, failed precondition, no key
_RUNNING = {"QUEUED", "PENDING", "RUNNING", "CANCELLING", "PAUSED", "UPDATING", "UNSPECIFIED"}


class GeminiBatchProvider(GeminiProvider):
    """Keeps `asking.provider.BatchProvider` too. Questions stand in the job itself, so its size is an inline call's."""

    most_bytes = INLINE_BYTES_AT_MOST
    most_questions = 1000

    async def submit(self, name: str, questions: Mapping[str, Question]) -> str:
        """See `BatchProvider`."""
        requests = [
            types.InlinedRequest(
                model=self._asks.model,
                contents=await self.contents(question),
                config=self.config(question),
                metadata={_KEY: key},
            )
            for key, question in questions.items()
        ]
        config = types.CreateBatchJobConfig(display_name=name)
        creating = self._client.aio.batches.create(model=self._asks.model, src=requests, config=config)
        job = await reached(creating, self._key, self._asks.limits.timeout_s, is_paid=True)
        self._uploads.clear()  # the job still needs the files
        return job.name or ""

    async def find(self, name: str, keys: set[str]) -> str | None:
        """See `BatchProvider`: by its name."""
        listing = self._client.aio.batches.list(config={"page_size": 100})
        jobs = await reached(listing, self._key, self._asks.limits.timeout_s, is_paid=False)
        async for job in jobs:
            if job.display_name == name:
                return job.name
        return None

    async def look(self, job: str) -> BatchState:
        """See `BatchProvider`."""
        found = await self._get(job)
        state = (found.state.value if found.state else "JOB_STATE_UNSPECIFIED").removeprefix("JOB_STATE_")
        stats = found.completion_stats
        done = (stats.successful_count or 0) + (stats.failed_count or 0) if stats else 0
        total = done + (stats.incomplete_count or 0) if stats else 0
        return BatchState(state not in _RUNNING, done, total, state.lower())

    async def results(self, job: str) -> AsyncIterator[tuple[str, Answer | Exception]]:
        """See `BatchProvider`."""
        found = await self._get(job)
        for each in (found.dest.inlined_responses or []) if found.dest else []:
            key = (each.metadata or {}).get(_KEY)
            if key is not None:
                yield str(key), _result(each, self._key)

    async def cancel(self, job: str) -> None:
        """See `BatchProvider`."""
        cancelling = self._client.aio.batches.cancel(name=job)
        await reached(cancelling, self._key, self._asks.limits.timeout_s, is_paid=False)

    async def _get(self, job: str) -> types.BatchJob:
        getting = self._client.aio.batches.get(name=job)
        return await reached(getting, self._key, self._asks.limits.timeout_s, is_paid=False)


def _result(each: types.InlinedResponse, key: str) -> Answer | Exception:
    if each.response is None:
        said = each.error.message if each.error else None
        text = told(f"no answer in the batch: {said or 'no reason given'}", key)
        is_rejected = each.error is not None and each.error.code in _REJECTED
        return QuestionRejectedError(text, for_all=False) if is_rejected else TryAgainError(text)
    try:
        return answers_in(each.response)[0]
    except (TryAgainError, QuestionRejectedError) as error:
        return error
