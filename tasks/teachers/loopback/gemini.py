"""Gemini's wire format as a server sees it: reads a `generateContent` body and writes the answer in its shape.

The official SDK mixes camelCase and snake_case in one body, and writes base64 with the URL-safe alphabet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.teachers.loopback.bodies import as_mapping, count_tokens, decode_base64, get, get_list, get_number, get_whole
from tasks.teachers.loopback.gemini_errors import write_refusal
from tasks.teachers.loopback.judge import VERSION
from tasks.teachers.loopback.questions import Question, read_wanted
from tasks.teachers.loopback.wire import Body, Reply, Said

__all__ = ["MOST_BYTES", "has_key", "read_question", "write_model", "write_refusal", "write_reply"]

AUDIO_TOKENS_PER_S = 32
MOST_CANDIDATES = 8
MOST_BYTES = 20 * 2**20  # of a request with inline audio
WARMEST = 2.0
ENDINGS = {"stop": "STOP", "length": "MAX_TOKENS", "refused": "SAFETY"}


def has_key(headers: Mapping[str, str]) -> bool:
    """See `Wire`."""
    return bool(headers.get("x-goog-api-key"))


def _fetch_nothing(uri: str) -> bytes:
    raise ValueError(f"fileUri {uri}: no such file")


def read_question(body: object, fetch: Callable[[str], bytes] = _fetch_nothing) -> Question:
    """See `Wire`. `fetch` finds audio that was uploaded before."""
    request = as_mapping(body, "the request body")
    config = as_mapping(get(request, "generationConfig", {}), "generationConfig")
    parts = [part for content in get_list(request, "contents") for part in get_list(content, "parts")]
    system = as_mapping(get(request, "systemInstruction", {}), "systemInstruction")
    texts = [part["text"] for part in get_list(system, "parts") + parts if isinstance(part.get("text"), str)]
    prompt = "\n".join(texts)
    classes, answer = read_wanted(get(config, "responseJsonSchema") or get(config, "responseSchema"), prompt)
    return Question(
        prompt,
        classes,
        answer,
        audio=_read_audio_part(parts, fetch),
        temperature=get_number(config, "temperature", 1.0, 0, WARMEST),
        seed=get_whole(config, "seed"),
        candidates=get_whole(config, "candidateCount", 1, MOST_CANDIDATES) or 1,
        most_tokens=get_whole(config, "maxOutputTokens", 1),
    )


def write_reply(reply: Reply) -> Body:
    """See `Wire`."""
    audio, text = math.ceil(reply.duration_s * AUDIO_TOKENS_PER_S), count_tokens(reply.question.prompt)
    written = sum(count_tokens(each.text) for each in reply.said)
    return {
        "candidates": [_write_candidate(index, each) for index, each in enumerate(reply.said)],
        "usageMetadata": {
            "promptTokenCount": audio + text,
            "candidatesTokenCount": written,
            "totalTokenCount": audio + text + written,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": text},
                {"modality": "AUDIO", "tokenCount": audio},
            ],
        },
        "modelVersion": reply.version,
        "responseId": reply.id,
    }


def _write_candidate(index: int, said: Said) -> Body:
    candidate: Body = {"finishReason": ENDINGS[said.ending], "index": index}
    if said.ending == "refused":
        return candidate
    parts = {"parts": [{"text": said.text}]} if said.text else {}
    return {"content": parts | {"role": "model"}} | candidate


def write_model(name: str) -> Body:
    """The body that answers `GET …/models/NAME`."""
    return {
        "name": f"models/{name}",
        "version": VERSION,
        "displayName": "Judges emotion by prosody; no language model",
        "supportedGenerationMethods": ["generateContent"],
        "maxTemperature": WARMEST,
    }


def _read_audio_part(parts: Sequence[Mapping[str, Any]], fetch: Callable[[str], bytes]) -> bytes:
    kinds = ("inlineData", "fileData")
    given = [
        (kind, as_mapping(data, kind)) for part in parts for kind in kinds if (data := get(part, kind)) is not None
    ]
    audio = [(kind, data) for kind, data in given if str(get(data, "mimeType", "")).startswith("audio/")]
    if len(audio) != 1:
        raise ValueError(f"expected one inlineData part with an audio/… mimeType, found {len(audio)}")
    [(kind, data)] = audio
    if kind == "fileData":
        return fetch(str(get(data, "fileUri")))
    return decode_base64(data.get("data", ""), "inlineData.data")
