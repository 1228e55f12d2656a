"""What a message of Claude's says, read strictly where it matters and leniently elsewhere."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from tasks.asking.provider import Answer, TryAgainError
from tasks.asking.told import told

# Cut off is an answer too, if no readable one; without a reason, a proxy left it out.
_FINISHED = {"end_turn", "stop_sequence", "max_tokens", "model_context_window_exceeded", None}


def _whole_characters(text: Any) -> Any:
    """JSON can hold half a character, where an answer was cut; no file can."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text


class _Block(BaseModel):
    type: str
    text: Annotated[str | None, BeforeValidator(_whole_characters)] = None


class _Details(BaseModel):
    category: str | None = None


class _Usage(BaseModel):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class _Message(BaseModel):
    content: list[_Block] | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_details: _Details | None = None
    usage: _Usage | None = None
    error: Any = None


def answer_in_body(body: bytes) -> Answer:
    """The answer in the body of a 200. Raises as `answer_in` does, and where the body is no JSON."""
    try:
        return answer_in(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise TryAgainError(f"the reply could not be read: {error}", may_be_paid=True) from error


def answer_in(content: Any) -> Answer:
    """The answer in a decoded message.

    Raises:
        TryAgainError: It is no message.
    """
    try:
        message = _Message.model_validate(content)
    except ValidationError as error:
        where = error.errors()[0]
        at = ".".join(map(str, where["loc"])) or "the whole"
        raise TryAgainError(f"the reply could not be read: {at}: {where['msg']}", may_be_paid=True) from None
    usage = message.usage or _Usage()
    if message.content is None and usage.output_tokens is None:  # a broken proxy's 200
        raise TryAgainError(told(f"the reply holds no answer. {message.error or ''}"))
    return Answer(
        text="".join(block.text or "" for block in message.content or [] if block.type == "text"),
        refusal=_refusal(message),
        model_version=message.model,
        input_tokens=_input_tokens(usage),
        output_tokens=usage.output_tokens,
        audio_tokens=0,  # there was none to hear
        is_cut_off=message.stop_reason == "max_tokens",
    )


def _refusal(message: _Message) -> str | None:
    if message.stop_reason in _FINISHED:
        return None
    category = message.stop_details and message.stop_details.category
    return told(f"stop_reason {message.stop_reason}{f' ({category})' if category else ''}")


def _input_tokens(usage: _Usage) -> int | None:
    """Those that were written to a cache or read from one are counted apart; at their full price here."""
    if usage.input_tokens is None:
        return None
    return usage.input_tokens + (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
