"""What several tests here ask: a clip, and the question in the shape that the product sends it."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
from google import genai
from google.genai import types

from tasks.teachers.loopback.server import LoopbackServer, running_server

CLASSES = ["angry", "happy", "neutral", "sad"]


def voice(hz: float = 150, duration_s: float = 1.0, amplitude: float = 0.1, syllables_hz: float = 4.0) -> np.ndarray:
    """A buzz with `hz` pulses per second under an envelope that rises and falls like syllables. 16 kHz."""
    t = np.arange(int(16_000 * duration_s)) / 16_000
    buzz = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, int(4000 / hz)))
    envelope = 0.05 + np.sin(np.pi * syllables_hz * t) ** 2
    return (amplitude * envelope * buzz).astype(np.float32)


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
    client = genai.Client(api_key="a-secret-key", http_options=types.HttpOptions(base_url=server.url))
    contents = [types.Part.from_bytes(data=audio, mime_type="audio/flac"), prompt]
    return client.models.generate_content(model="simulated-prosody-1", contents=contents, config=make_config(**config))


@pytest.fixture(scope="session")
def flac() -> bytes:
    return encode_flac(voice())


@pytest.fixture(scope="session", name="voice")
def voice_fixture() -> Callable[..., np.ndarray]:
    return voice


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
