"""Gemini's wire format as a server sees it: reads a `generateContent` body and writes the answer in its shape.

The official SDK mixes camelCase and snake_case in one body, and writes base64 with the URL-safe alphabet.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.teachers.loopback.judge import VERSION

AUDIO_TOKENS_PER_S = 32
CHARACTERS_PER_TOKEN = 4
MOST_CANDIDATES = 8
MOST_BYTES = 20 * 2**20  # of a request with inline audio
WARMEST = 2.0


@dataclass(frozen=True)
class Question:
    """What one request asks for."""

    audio: bytes
    prompt: str
    classes: tuple[str, ...]
    temperature: float
    seed: int | None
    candidates: int


def read_question(body: object) -> Question:
    """A decoded request body → what it asks.

    Raises:
        ValueError: What Gemini would answer with a 400; the message says what is wrong with the request.
    """
    request = _mapping(body, "the request body")
    config = _mapping(_get(request, "generationConfig", {}), "generationConfig")
    parts = [part for content in _list(request, "contents") for part in _list(content, "parts")]
    system = _mapping(_get(request, "systemInstruction", {}), "systemInstruction")
    texts = [part["text"] for part in _list(system, "parts") + parts if isinstance(part.get("text"), str)]
    return Question(
        audio=_read_audio_part(parts),
        prompt="\n".join(texts),
        classes=_read_classes(config),
        temperature=_read_number(config, "temperature", 1.0, 0, WARMEST),
        seed=None if (seed := _get(config, "seed")) is None else int(_read_number({"seed": seed}, "seed", 0)),
        candidates=int(_read_number(config, "candidateCount", 1, 1, MOST_CANDIDATES)),
    )


def write_answer(texts: Sequence[str], question: Question, duration_s: float, response_id: str) -> dict[str, Any]:
    """One text per candidate → the body of a 200."""
    audio, text = math.ceil(duration_s * AUDIO_TOKENS_PER_S), _count_tokens(question.prompt)
    written = sum(map(_count_tokens, texts))
    return {
        "candidates": [_write_candidate(index, text) for index, text in enumerate(texts)],
        "usageMetadata": {
            "promptTokenCount": audio + text,
            "candidatesTokenCount": written,
            "totalTokenCount": audio + text + written,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": text},
                {"modality": "AUDIO", "tokenCount": audio},
            ],
        },
        "modelVersion": VERSION,  # what really answers, whatever model was asked for
        "responseId": response_id,
    }


def _write_candidate(index: int, text: str) -> dict[str, Any]:
    return {"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": index}


def write_model(name: str) -> dict[str, Any]:
    """The body that answers `GET …/models/NAME`."""
    return {
        "name": f"models/{name}",
        "version": VERSION,
        "displayName": "Judges emotion by prosody; no language model",
        "supportedGenerationMethods": ["generateContent"],
        "maxTemperature": WARMEST,
    }


def _read_audio_part(parts: Sequence[Mapping[str, Any]]) -> bytes:
    inline = [_mapping(data, "inlineData") for part in parts if (data := _get(part, "inlineData")) is not None]
    audio = [data for data in inline if str(_get(data, "mimeType", "")).startswith("audio/")]
    if len(audio) != 1:
        raise ValueError(f"expected one inlineData part with an audio/… mimeType, found {len(audio)}")
    try:
        text = str(audio[0].get("data", "")).translate(str.maketrans("-_", "+/"))
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"inlineData.data is not base64: {error}") from None


def _read_classes(config: Mapping[str, Any]) -> tuple[str, ...]:
    schema = _get(config, "responseJsonSchema") or _get(config, "responseSchema")
    if not schema:
        raise ValueError("no response schema: name the classes as number properties of responseJsonSchema")
    properties = _mapping(_mapping(schema, "the response schema").get("properties", {}), "properties")
    for name, kind in properties.items():
        if str(_mapping(kind, f"property {name}").get("type")).lower() != "number":
            raise ValueError(f'the response schema asks for "{name}", which is not a number')
    return tuple(properties)


def _read_number(
    config: Mapping[str, Any], key: str, default: float, least: float = -math.inf, most: float = math.inf
) -> float:
    value = _get(config, key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{key} must be a number from {least:g} to {most:g}, got {json.dumps(value)}")
    return value


def _get(mapping: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """The value under `someKey` or `some_key`; null counts as absent."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
    value = mapping.get(key, mapping.get(snake))
    return default if value is None else value


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be an object, got {type(value).__name__}")
    return value


def _list(mapping: object, key: str) -> list[Mapping[str, Any]]:
    value = _get(_mapping(mapping, "each of contents"), key, [])
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list, got {type(value).__name__}")
    return [_mapping(each, f"each of {key}") for each in value]


def _count_tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)
