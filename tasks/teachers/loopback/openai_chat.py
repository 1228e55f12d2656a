"""OpenAI's wire format as a server sees it: `POST /v1/chat/completions` with one `input_audio` part."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.teachers.loopback.bodies import as_mapping, count_tokens, decode_base64, get, get_list, get_number, get_whole
from tasks.teachers.loopback.openai_errors import write_refusal
from tasks.teachers.loopback.questions import Question, read_wanted
from tasks.teachers.loopback.wire import Body, Reply, Said

__all__ = ["MOST_BYTES", "has_key", "read_question", "write_refusal", "write_reply"]

AUDIO_TOKENS_PER_S = 10
MOST_CANDIDATES = 8
MOST_BYTES = 50 * 2**20
WARMEST = 2.0
FORMATS = ("wav", "mp3")
ENDINGS = {"stop": "stop", "length": "length", "refused": "content_filter"}
NO_AUDIO = "This model requires that either input content or output modality contain audio."


def has_key(headers: Mapping[str, str]) -> bool:
    """See `Wire`."""
    return headers.get("authorization", "").removeprefix("Bearer").strip() != ""


def read_question(body: object) -> Question:
    """See `Wire`."""
    request = as_mapping(body, "the request body")
    parts = [part for message in get_list(request, "messages") for part in _parts_of(message)]
    prompt = "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    classes, answer = read_wanted(_read_schema(request), prompt)
    most_tokens = get_whole(request, "max_completion_tokens", 1) or get_whole(request, "max_tokens", 1)
    return Question(
        prompt,
        classes,
        answer,
        audio=_read_audio_part(parts),
        temperature=get_number(request, "temperature", 1.0, 0, WARMEST),
        seed=get_whole(request, "seed"),
        candidates=get_whole(request, "n", 1, MOST_CANDIDATES) or 1,
        most_tokens=most_tokens,
    )


def write_reply(reply: Reply) -> Body:
    """See `Wire`."""
    audio, text = math.ceil(reply.duration_s * AUDIO_TOKENS_PER_S), count_tokens(reply.question.prompt)
    written = sum(count_tokens(each.text) for each in reply.said)
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": reply.version,
        "choices": [_write_choice(index, each) for index, each in enumerate(reply.said)],
        "usage": {
            "prompt_tokens": audio + text,
            "completion_tokens": written,
            "total_tokens": audio + text + written,
            "prompt_tokens_details": {"audio_tokens": audio, "cached_tokens": 0},
            "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": 0},
        },
    }


def _write_choice(index: int, said: Said) -> Body:
    is_refused = said.ending == "refused"
    message = {
        "role": "assistant",
        "content": None if is_refused else said.text,
        "refusal": "I'm sorry, but I can't help with that." if is_refused else None,
    }
    return {"index": index, "message": message, "finish_reason": ENDINGS[said.ending], "logprobs": None}


def _parts_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else get_list(message, "content")


def _read_schema(request: Mapping[str, Any]) -> object:
    form = as_mapping(get(request, "response_format", {}), "response_format")
    if form.get("type") != "json_schema":
        return None
    named = as_mapping(form.get("json_schema"), "response_format.json_schema")
    schema = as_mapping(named.get("schema"), "response_format.json_schema.schema")
    if named.get("strict") and schema.get("additionalProperties") is not False:
        name = named.get("name")
        raise ValueError(
            f"Invalid schema for response_format '{name}': In context=(), "
            "'additionalProperties' is required to be supplied and to be false."
        )
    return schema


def _read_audio_part(parts: Sequence[Mapping[str, Any]]) -> bytes:
    audio = [as_mapping(get(part, "input_audio"), "input_audio") for part in parts if part.get("type") == "input_audio"]
    if not audio:
        raise ValueError(NO_AUDIO)
    if len(audio) > 1:
        raise ValueError(f"expected one input_audio part, found {len(audio)}")
    if audio[0].get("format") not in FORMATS:
        raise ValueError(f"Invalid value: '{audio[0].get('format')}'. Supported values are: 'wav' and 'mp3'.")
    return decode_base64(audio[0].get("data", ""), "input_audio.data")
