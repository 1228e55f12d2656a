"""Anthropic's wire format as a server sees it: `POST /v1/messages`, which takes text about a clip and never audio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.teachers.loopback.anthropic_errors import write_refusal
from tasks.teachers.loopback.bodies import as_mapping, count_tokens, get, get_list, get_number, get_whole
from tasks.teachers.loopback.questions import Question, read_wanted
from tasks.teachers.loopback.wire import Body, Reply

__all__ = ["MOST_BYTES", "has_key", "read_question", "write_refusal", "write_reply"]

MOST_BYTES = 32 * 2**20
ENDINGS = {"stop": "end_turn", "length": "max_tokens", "refused": "refusal"}
TAGS = "'document', 'image', 'search_result', 'text', 'thinking', 'tool_result', 'tool_use'"


def has_key(headers: Mapping[str, str]) -> bool:
    """See `Wire`."""
    bearer = headers.get("authorization", "").removeprefix("Bearer").strip()
    return bool(headers.get("x-api-key") or bearer)


def read_question(body: object) -> Question:
    """See `Wire`. There is no seed, and only old models take a temperature."""
    request = as_mapping(body, "the request body")
    most_tokens = get_whole(request, "max_tokens", 1)
    if most_tokens is None:
        raise ValueError("max_tokens: Field required")
    texts = [text for place, message in enumerate(_messages(request)) for text in _texts_of(message, place)]
    prompt = "\n".join([*_texts_of({"content": request.get("system") or []}, -1), *texts])
    classes, answer = read_wanted(_read_schema(request), prompt)
    temperature = get_number(request, "temperature", 1.0, 0, 1)
    return Question(prompt, classes, answer, temperature=temperature, most_tokens=most_tokens)


def write_reply(reply: Reply) -> Body:
    """See `Wire`. Several candidates are unknown here: a question asks for one."""
    said = reply.said[0]
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.version,
        "content": [{"type": "text", "text": said.text}] if said.text and said.ending != "refused" else [],
        "stop_reason": ENDINGS[said.ending],
        "stop_sequence": None,
        "usage": {
            "input_tokens": count_tokens(reply.question.prompt),
            "output_tokens": count_tokens(said.text),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }


def _messages(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if not get(request, "messages"):
        raise ValueError("messages: at least one message is required")
    return get_list(request, "messages")


def _texts_of(message: Mapping[str, Any], place: int) -> list[str]:
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    blocks = get_list(message, "content")
    for number, block in enumerate(blocks):
        if block.get("type") != "text":
            raise ValueError(
                f"messages.{place}.content.{number}: Input tag '{block.get('type')}' found using 'type' "
                f"does not match any of the expected tags: {TAGS}"
            )
    return [str(block.get("text", "")) for block in blocks]


def _read_schema(request: Mapping[str, Any]) -> object:
    form = get(as_mapping(get(request, "output_config", {}), "output_config"), "format")
    if form is None:
        return None
    schema = as_mapping(as_mapping(form, "output_config.format").get("schema"), "output_config.format.schema")
    if schema.get("additionalProperties") is not False:
        raise ValueError(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    return schema
