"""What several tests here ask: a clip, and the question in the shape that the product sends it."""

import asyncio
import base64
import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import anthropic
import httpx2
import numpy as np
import openai
import pytest
import soundfile
from google import genai
from google.genai import errors, types

from tasks.asking.reading import answer_schema
from tasks.teachers.loopback.server import LoopbackServer, running_server

KEY = "a-secret-key"
CLASSES = ["angry", "happy", "neutral", "sad"]


def encode_flac(wave: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wave, 16_000, format="FLAC")
    return file.getvalue()


def make_config(classes: list[str] = CLASSES, **settings: Any) -> types.GenerateContentConfig:
    schema = {"type": "object", "properties": {name: {"type": "number"} for name in classes}, "required": classes}
    defaults = {"temperature": 0.6, "response_mime_type": "application/json", "response_json_schema": schema}
    return types.GenerateContentConfig(
        **defaults | {"thinking_config": types.ThinkingConfig(thinking_budget=0)} | settings
    )


def ask(server: LoopbackServer, audio: bytes, prompt: str = "How does the speaker feel?", **config: Any) -> Any:
    """One question through the real SDK, as the product asks it."""
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=server.url))
    contents = [types.Part.from_bytes(data=audio, mime_type="audio/flac"), prompt]
    return client.models.generate_content(model="simulated-prosody-1", contents=contents, config=make_config(**config))


@dataclass(frozen=True)
class Told:
    """What the caller is told, whatever the wire."""

    text: str | None
    ending: str
    version: str
    input_tokens: int
    output_tokens: int


def schema_of(classes: list[str] = CLASSES, answer: str = "distribution") -> dict[str, Any]:
    return answer_schema(classes, answer) | {"additionalProperties": False}


async def ask_gemini(url: str, audio: bytes, **changes: Any) -> Told:
    # As the product does: the SDK would take aiohttp where that happens to be installed.
    options = types.HttpOptions(base_url=url, httpx_async_client=httpx2.AsyncClient())
    async with options.httpx_async_client, genai.Client(api_key=KEY, http_options=options).aio as client:
        part = types.Part.from_bytes(data=audio, mime_type="audio/flac")
        config = make_config(**changes)
        reply = await client.models.generate_content(model="m", contents=[part, "How?"], config=config)
    [candidate], usage = reply.candidates, reply.usage_metadata
    counts = usage.prompt_token_count, usage.candidates_token_count
    return Told(reply.text, candidate.finish_reason.value, reply.model_version, *counts)


async def ask_openai(url: str, audio: bytes, **changes: Any) -> Told:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema_of(), "strict": True}}
    sound = {"type": "input_audio", "input_audio": {"data": base64.b64encode(audio).decode(), "format": "wav"}}
    messages = [{"role": "user", "content": [sound, {"type": "text", "text": "How?"}]}]
    asked = {"model": "m", "messages": messages, "response_format": form, "temperature": 0.6} | changes
    async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as client:
        reply = await client.chat.completions.create(**asked)
    choice = reply.choices[0]
    counts = reply.usage.prompt_tokens, reply.usage.completion_tokens
    return Told(choice.message.content, choice.finish_reason, reply.model, *counts)


async def ask_anthropic(url: str, text: str = "How?", **changes: Any) -> Told:
    asked = {"model": "m", "max_tokens": 1024, "messages": [{"role": "user", "content": text}]}
    asked |= {"output_config": {"format": {"type": "json_schema", "schema": schema_of()}}} | changes
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0) as client:
        reply = await client.messages.create(**asked)
    text = "".join(block.text for block in reply.content)
    return Told(text or None, reply.stop_reason, reply.model, reply.usage.input_tokens, reply.usage.output_tokens)


@dataclass(frozen=True)
class Caller:
    """One provider's official SDK: asks one question, and has its own error and words for endings."""

    name: str
    ask: Callable[..., Told]
    error: type[Exception]
    endings: tuple[str, str, str]  # well, refused, cut off


@pytest.fixture(scope="session", params=["gemini", "openai", "anthropic"])
def caller(request: pytest.FixtureRequest, flac: bytes) -> Caller:
    """Each of the three wire formats in turn."""
    if request.param == "gemini":
        return Caller(
            "gemini", partial(_run, ask_gemini, audio=flac), errors.APIError, ("STOP", "SAFETY", "MAX_TOKENS")
        )
    if request.param == "openai":
        endings = ("stop", "content_filter", "length")
        return Caller("openai", partial(_run, ask_openai, audio=flac), openai.APIStatusError, endings)
    endings = ("end_turn", "refusal", "max_tokens")
    return Caller("anthropic", partial(_run, ask_anthropic), anthropic.APIStatusError, endings)


def _run(function: Callable[..., Any], url: str, **changes: Any) -> Told:
    return asyncio.run(function(url, **changes))


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and error of a request that no SDK would send."""
    request = urllib.request.Request(url, body, headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as response:
        return response.code, json.loads(response.read())["error"]


@pytest.fixture(scope="session", name="post")
def post_fixture() -> Callable[..., tuple[int, dict[str, Any]]]:
    return post


@pytest.fixture(scope="session", name="ask_openai")
def ask_openai_fixture() -> Callable[..., Told]:
    return partial(_run, ask_openai)


@pytest.fixture(scope="session", name="ask_anthropic")
def ask_anthropic_fixture() -> Callable[..., Told]:
    return partial(_run, ask_anthropic)


@pytest.fixture(scope="session", name="schema_of")
def schema_of_fixture() -> Callable[..., dict[str, Any]]:
    return schema_of


@pytest.fixture(scope="session")
def flac(voice: Callable[..., np.ndarray]) -> bytes:
    return encode_flac(voice())


@pytest.fixture(scope="session", name="encode_flac")
def encode_flac_fixture() -> Callable[[np.ndarray], bytes]:
    return encode_flac


@pytest.fixture(scope="session", name="ask")
def ask_fixture() -> Callable[..., Any]:
    return ask


@pytest.fixture(scope="session", name="make_config")
def make_config_fixture() -> Callable[..., types.GenerateContentConfig]:
    return make_config


@pytest.fixture(scope="module")
def server():
    with running_server() as running:
        yield running
