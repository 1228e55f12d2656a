"""Request bodies are read in every spelling the SDK uses, and what cannot be answered is refused in words."""

import base64
from typing import Any

import pytest

from tasks.teachers.loopback.gemini import read_question, write_reply
from tasks.teachers.loopback.wire import Reply, Said

AUDIO = bytes(range(240, 256)) * 3  # its base64 needs both special letters


def make_body(**config: Any) -> dict[str, Any]:
    data = base64.b64encode(AUDIO).decode()
    schema = {"type": "object", "properties": {"angry": {"type": "number"}, "sad": {"type": "number"}}}
    return {
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"data": data, "mimeType": "audio/flac"}}, {"text": "?"}]}
        ],
        "generationConfig": {"temperature": 0.6, "seed": 3, "responseJsonSchema": schema} | config,
    }


def test_a_body_is_read():
    question = read_question(make_body())
    assert (question.audio, question.prompt, question.classes) == (AUDIO, "?", ("angry", "sad"))
    assert (question.temperature, question.seed, question.candidates) == (0.6, 3, 1)


def test_snake_case_is_read_like_camel_case():
    body = make_body(candidateCount=2)
    config = body["generationConfig"]
    part = body["contents"][0]["parts"][0]["inlineData"]
    snake = {
        "contents": [{"parts": [{"inline_data": {"data": part["data"], "mime_type": "audio/flac"}}, {"text": "?"}]}],
        "generation_config": {
            "temperature": 0.6,
            "seed": 3,
            "response_json_schema": config["responseJsonSchema"],
            "candidate_count": 2,
        },
    }
    assert read_question(snake) == read_question(body)


def test_url_safe_base64_without_padding_is_read():
    body = make_body()
    body["contents"][0]["parts"][0]["inlineData"]["data"] = base64.urlsafe_b64encode(AUDIO).decode().rstrip("=")
    assert read_question(body).audio == AUDIO


def test_the_older_schema_with_capital_types_is_read():
    schema = {"type": "OBJECT", "properties": {"very_angry": {"type": "NUMBER"}}}
    assert read_question(make_body(responseJsonSchema=None, responseSchema=schema)).classes == ("very_angry",)


def test_system_instruction_belongs_to_the_prompt():
    body = make_body() | {"systemInstruction": {"parts": [{"text": "You listen."}]}}
    assert read_question(body).prompt == "You listen.\n?"


def test_no_seed_stays_none():
    assert read_question(make_body(seed=None)).seed is None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"responseJsonSchema": None}, "no response schema: name the classes as number properties"),
        ({"responseJsonSchema": {"properties": {"why": {"type": "string"}}}}, 'asks for "why", which is not a number'),
        ({"responseJsonSchema": [1]}, "the response schema must be an object, got list"),
        ({"candidateCount": 9}, "candidateCount must be a number from 1 to 8, got 9"),
        ({"temperature": 3}, "temperature must be a number from 0 to 2, got 3"),
        ({"temperature": "hot"}, 'temperature must be a number from 0 to 2, got "hot"'),
        ({"seed": "x"}, 'seed must be a number .*got "x"'),
    ],
)
def test_a_setting_that_cannot_be_met_is_named(config, message):
    with pytest.raises(ValueError, match=message):
        read_question(make_body(**config))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([{"text": "?"}], "expected one inlineData part with an audio/… mimeType, found 0"),
        ([{"inlineData": {"data": "", "mimeType": "image/png"}}], "found 0"),
        ([{"inlineData": {"data": "", "mimeType": "audio/wav"}}] * 2, "found 2"),
        ([{"inlineData": {"data": "a*b", "mimeType": "audio/wav"}}], r"inlineData\.data is not base64"),
        ([7], "each of parts must be an object, got int"),
        ("text", "parts must be a list, got str"),
    ],
)
def test_parts_without_one_readable_clip_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        read_question(make_body() | {"contents": [{"parts": parts}]})


def test_a_body_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match="the request body must be an object, got list"):
        read_question([])


def test_audio_is_charged_at_32_tokens_per_second():
    reply = Reply((Said("{}"),), read_question(make_body()), duration_s=2.01, version="v", id="x")
    usage = write_reply(reply)["usageMetadata"]
    assert {"modality": "AUDIO", "tokenCount": 65} in usage["promptTokensDetails"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
