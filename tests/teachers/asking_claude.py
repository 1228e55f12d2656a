"""One question to a server with Anthropic's wire format through the real SDK, and the replies of such a server."""

import asyncio
from typing import Any

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Answer, Question
from tasks.teachers.anthropic_provider import AnthropicProvider
from tasks.teachers.anthropic_proxy import AnthropicSettings

CLASSES = ["angry", "happy", "neutral", "sad"]
KEY = "sk-ant-made-up-0123456789"
TEXT = "How it was said, compared with neutral speech of adults:\n- Volume: loud"


def settings_of(**settings: Any) -> AnthropicSettings:
    """A teacher that waits half a minute at most."""
    limits = LimitSettings(timeout_s=settings.pop("timeout_s", 30))
    return AnthropicSettings.model_validate({"limits": limits} | settings)


def question_of(settings: AnthropicSettings, text: str | None = TEXT, audio: bytes = b"", draw: int = 0) -> Question:
    """With the teacher's own prompt."""
    return Question(settings.asked(CLASSES)[0]["prompt"], (draw,), audio=audio, text=text)


def ask(url: str, text: str | None = TEXT, audio: bytes = b"", **settings: Any) -> Answer:
    """The one answer to one question. Raises what the provider raises."""
    teacher = settings_of(**settings)

    async def once() -> list[Answer]:
        provider = AnthropicProvider(teacher, CLASSES, KEY, url)
        try:
            return await provider.ask(question_of(teacher, text, audio))
        finally:
            await provider.close()

    [answer] = asyncio.run(once())
    return answer


def message_of(text: str = '{"angry": 1, "happy": 0, "neutral": 0, "sad": 0}', **changes: Any) -> dict[str, Any]:
    """The body of a 200; a change to None takes the field away."""
    usual = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 320, "output_tokens": 40},
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def error_of(kind: str, message: str = "no", **more: Any) -> dict[str, Any]:
    """The body of any other reply."""
    return {"type": "error", "error": {"type": kind, "message": message} | more, "request_id": "req_1"}
