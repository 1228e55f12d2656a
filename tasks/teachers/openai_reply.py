"""What a chat completion says, read strictly where it matters and leniently elsewhere: servers differ in the rest."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from tasks.asking.provider import Answer, TryAgainError
from tasks.asking.told import told

_FINISHED = {"stop", "length", None}


def _whole_characters(text: Any) -> Any:
    """JSON can hold half a character, where an answer was cut; no file can."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text


_Text = Annotated[str | None, BeforeValidator(_whole_characters)]


class _Message(BaseModel):
    content: _Text = None
    refusal: _Text = None


class _Choice(BaseModel):
    index: int = 0
    message: _Message
    finish_reason: str | None = None


class _InputDetails(BaseModel):
    audio_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None


class _Reply(BaseModel):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: Any = None


def answers_in(body: bytes, draws: int) -> list[Answer]:
    """The answers in the body of a 200, one per draw or fewer.

    Raises:
        TryAgainError: Cut off, no JSON, no chat completion.
    """
    try:
        reply = _Reply.model_validate(json.loads(body))
    except ValidationError as error:
        where = error.errors()[0]
        at = ".".join(map(str, where["loc"])) or "the whole"
        raise TryAgainError(f"the reply could not be read: {at}: {where['msg']}", may_be_paid=True) from None
    except (ValueError, RecursionError) as error:
        raise TryAgainError(f"the reply could not be read: {error}", may_be_paid=True) from error
    usage = reply.usage or _Usage()
    if not reply.choices and not (usage.prompt_tokens or usage.completion_tokens):  # a broken proxy's 200
        raise TryAgainError(told(f"the reply holds no answer. {reply.error or ''}"))
    choices = sorted(reply.choices or [], key=lambda choice: choice.index)[:draws]
    return _answers(choices or [_Choice(message=_Message(), finish_reason="no choice")], reply.model, usage)


def _answers(choices: list[_Choice], model: str | None, usage: _Usage) -> list[Answer]:
    details = usage.prompt_tokens_details or _InputDetails()
    return [
        Answer(
            text=choice.message.content or "",
            refusal=_refusal(choice),
            model_version=model,
            input_tokens=_share(usage.prompt_tokens, is_first=not place),
            output_tokens=_part(usage.completion_tokens, len(choices), place),
            audio_tokens=_share(details.audio_tokens, is_first=not place),
            is_cut_off=choice.finish_reason == "length",
        )
        for place, choice in enumerate(choices)
    ]


def _refusal(choice: _Choice) -> str | None:
    if choice.message.refusal:
        return told(choice.message.refusal)
    return None if choice.finish_reason in _FINISHED else f"finish_reason {told(choice.finish_reason or '')}"


def _share(tokens: int | None, *, is_first: bool) -> int | None:
    """The audio is heard once per call, whatever the number of candidates."""
    return tokens if is_first or tokens is None else 0


def _part(tokens: int | None, parts: int, place: int) -> int | None:
    """Only their sum is told: as even as whole numbers are."""
    return None if tokens is None else tokens // parts + (place < tokens % parts)
