"""A provider's server that records what it is sent and replies as told, and one question through the real SDK."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Answer, Question
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.gemini_provider import GeminiProvider
from tasks.teachers.prompts import prompt_text

CLASSES = ["angry", "happy", "neutral", "sad"]
KEY = "AIza-made-up-0123456789"


def reply_of(text: str = '{"angry": 1, "happy": 0, "neutral": 0, "sad": 0}', **changes: Any) -> dict[str, Any]:
    """A 200 of Gemini's."""
    usual = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 120, "candidatesTokenCount": 40, "totalTokenCount": 160},
        "modelVersion": "gemini-2.5-flash-001",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


@dataclass
class Recorded:
    """One request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    from_port: int

    @property
    def audio(self) -> bytes:
        [data] = [part["inlineData"]["data"] for part in self.parts if "inlineData" in part]
        return base64.urlsafe_b64decode(data)

    @property
    def parts(self) -> list[dict[str, Any]]:
        return [part for content in self.body["contents"] for part in content["parts"]]


@dataclass
class Recorder:
    """Replies to everything with one and the same reply."""

    url: str = ""
    requests: list[Recorded] = field(default_factory=list)
    reply: Response = field(default_factory=Response)

    def will_reply(self, body: object = None, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, str | bytes) else json.dumps(reply_of() if body is None else body)
        self.reply = Response(content, status, headers, media_type="application/json")

    async def handle(self, request: Request) -> Response:
        body = json.loads(await request.body())
        path = f"{request.url.path}?{request.url.query}"
        self.requests.append(Recorded(path, dict(request.headers), body, request.client.port))
        return self.reply


@pytest.fixture(scope="session")
def recording() -> Iterator[Recorder]:
    recorder = Recorder()
    app = Starlette(routes=[Route("/{path:path}", recorder.handle, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    started = threading.Event()
    server.startup = _signalling(server.startup, started)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(30)
    recorder.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield recorder
    server.should_exit = True
    thread.join(30)


def _signalling(startup: Callable[..., Any], started: threading.Event) -> Callable[..., Any]:
    async def start(*arguments: Any, **options: Any) -> None:
        await startup(*arguments, **options)
        started.set()

    return start


@pytest.fixture
def recorder(recording: Recorder) -> Recorder:
    """Has seen nothing yet, and gives a usual answer."""
    recording.requests.clear()
    recording.will_reply()
    return recording


def ask(url: str, draw: int = 0, audio: bytes = b"some audio", timeout_s: float = 30, **settings: Any) -> Answer:
    """One question through the official SDK. Raises what the provider raises."""
    teacher = GeminiSettings(limits=LimitSettings(timeout_s=timeout_s), **settings)
    provider = GeminiProvider(teacher, CLASSES, KEY, url)
    prompt = prompt_text(teacher.prompt[0], CLASSES)
    [answer] = asyncio.run(provider.ask(Question(prompt, (draw,), audio, "audio/flac")))
    return answer


@pytest.fixture(scope="session")
def ask_gemini() -> Callable[..., Answer]:
    return ask


@pytest.fixture(scope="session")
def gemini_reply() -> Callable[..., dict[str, Any]]:
    return reply_of


@pytest.fixture(scope="session")
def tone_flac(tmp_path_factory: pytest.TempPathFactory, write_tone: Callable[..., Path]) -> bytes:
    """A recording that the loopback server can judge."""
    return write_tone(tmp_path_factory.mktemp("tone") / "tone.flac").read_bytes()


def make_voice(
    hz: float = 150, duration_s: float = 1.0, amplitude: float = 0.1, syllables_hz: float = 4.0
) -> np.ndarray:
    """A buzz with `hz` pulses per second under an envelope that rises and falls like syllables. 16 kHz."""
    t = np.arange(int(16_000 * duration_s)) / 16_000
    buzz = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, int(4000 / hz)))
    envelope = 0.05 + np.sin(np.pi * syllables_hz * t) ** 2
    return (amplitude * envelope * buzz).astype(np.float32)


@pytest.fixture(scope="session")
def voice() -> Callable[..., np.ndarray]:
    return make_voice
