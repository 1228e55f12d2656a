"""What tests do with batch jobs of Claude's: each with a provider of its own, as in another process."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from tasks.asking.provider import Answer, BatchState
from tasks.teachers.anthropic_provider import AnthropicProvider
from tests.teachers.asking_claude import CLASSES, KEY, TEXT, question_of, settings_of

TEACHER = settings_of()
KEYS = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(4)]
QUESTIONS = {key: question_of(TEACHER, f"{TEXT}\n- Pitch: {pitch}") for key, pitch in zip(KEYS, "abcd", strict=True)}

JOB = {
    "id": "msgbatch_1",
    "processing_status": "in_progress",
    "request_counts": {"processing": 2},
    "created_at": "2026-11-21T00:00:00Z",
}

Doing = Callable[[AnthropicProvider], Awaitable[Any]]


def do(url: str, doing: Doing) -> Any:
    """Something with a new provider."""

    async def run() -> Any:
        provider = AnthropicProvider(TEACHER, CLASSES, KEY, url)
        try:
            return await doing(provider)
        finally:
            await provider.close()

    return asyncio.run(run())


def submit(url: str, keys: list[str] = KEYS) -> str:
    return do(url, lambda provider: provider.submit("a-name", {key: QUESTIONS[key] for key in keys}))


def find(url: str, keys: list[str] = KEYS) -> str | None:
    return do(url, lambda provider: provider.find("a-name", set(keys)))


def look(url: str, job: str) -> BatchState:
    return do(url, lambda provider: provider.look(job))


def results(url: str, job: str) -> dict[str, Answer | Exception]:
    async def read(provider: AnthropicProvider) -> dict[str, Answer | Exception]:
        return {key: result async for key, result in provider.results(job)}

    return do(url, read)
