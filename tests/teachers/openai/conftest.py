"""One question through the real OpenAI SDK, and the replies that it may get."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Answer, Question
from tasks.teachers.openai_compatible import OpenAISettings
from tasks.teachers.openai_provider import OpenAIProvider

CLASSES = ["angry", "happy", "neutral", "sad"]
KEY = "sk-made-up-0123456789wxyz"
MODEL = "Qwen/Qwen2.5-Omni-7B"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this machine."""
    for name in ("API_KEY", "BASE_URL", "ORG_ID", "PROJECT_ID", "ADMIN_KEY", "CUSTOM_HEADERS"):
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)


def provider_of(url: str, key: str | None = KEY, timeout_s: float = 30, **settings: Any) -> OpenAIProvider:
    limits = LimitSettings(timeout_s=timeout_s)
    teacher = OpenAISettings(**{"model": MODEL, "base_url": f"{url}/v1", "limits": limits} | settings)
    return OpenAIProvider(teacher, CLASSES, key)


def ask(
    url: str,
    draws: tuple[int, ...] = (0,),
    audio: bytes = b"some audio",
    mime_type: str = "audio/wav",
    prompt: str = "How does it sound?",
    **settings: Any,
) -> list[Answer]:
    """Raises what the provider raises."""

    async def ask_and_close() -> list[Answer]:
        provider = provider_of(url, **settings)
        try:
            return await provider.ask(Question(prompt, draws, audio, mime_type))
        finally:
            await provider.close()

    return asyncio.run(ask_and_close())


def reply_of(*texts: str, **changes: Any) -> dict[str, Any]:
    """A 200 with a choice for each text."""
    choices = [
        {"index": place, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for place, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 120, "completion_tokens": 40, "prompt_tokens_details": {"audio_tokens": 70}}
    return {"id": "1", "object": "chat.completion", "model": "qwen-1", "choices": choices, "usage": usage} | changes


@pytest.fixture(scope="session")
def openai_provider() -> Callable[..., OpenAIProvider]:
    return provider_of


@pytest.fixture(scope="session")
def ask_openai() -> Callable[..., list[Answer]]:
    return ask


@pytest.fixture(scope="session")
def openai_reply() -> Callable[..., dict[str, Any]]:
    return reply_of


@pytest.fixture
def ask_recorded(recorder: Any) -> Callable[..., list[Answer]]:
    """Asks the recorder, which replies "some text" unless told otherwise."""
    recorder.will_reply(reply_of("some text"))
    return lambda **question: ask(recorder.url, **question)


@pytest.fixture
def fail_with(recorder: Any) -> Callable[..., Any]:
    """The error of one question that is answered with this status and body."""

    def fail(
        status: int,
        body: object,
        kind: type[Exception],
        match: str,
        headers: dict[str, str] | None = None,
        **asked: Any,
    ) -> Exception:
        recorder.will_reply(body, status, headers)
        with pytest.raises(kind, match=match) as caught:
            ask(recorder.url, **asked)
        return caught.value

    return fail
