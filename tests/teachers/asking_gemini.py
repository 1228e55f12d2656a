"""Questions to Gemini's wire format through the real SDK, and a loopback model that tells every request it gets."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile
import uvicorn

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Question
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.gemini_batches import GeminiBatchProvider
from tasks.teachers.loopback.app import create_app
from tasks.teachers.loopback.model import LoopbackSettings

CLASSES = ["angry", "happy", "neutral", "sad"]
KEY = "AIza-made-up-0123456789"


@dataclass
class Listening:
    """A loopback model over HTTP; `requests` holds each method and path."""

    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)

    def count(self, method: str, part: str) -> int:
        """Requests of a method whose path holds `part`."""
        return sum(m == method and part in path for m, path in self.requests)


@contextmanager
def listening(**settings: Any) -> Iterator[Listening]:
    """One that runs as long as the block."""
    app, seen, started = create_app(LoopbackSettings(**settings)), Listening(), threading.Event()

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        seen.requests.append((scope["method"], scope["path"]))
        await app(scope, receive, send)

    class Server(uvicorn.Server):
        async def startup(self, *arguments: Any, **options: Any) -> None:
            await super().startup(*arguments, **options)
            started.set()

    server = Server(uvicorn.Config(noting, port=0, lifespan="off", log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(30)
    seen.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield seen
    finally:
        server.should_exit = True
        thread.join(30)


def question_of(audio: bytes, draws: tuple[int, ...] = (0,), mime_type: str = "audio/flac") -> Question:
    """How does the speaker feel?"""
    return Question("Which emotion is it?", draws, audio, mime_type)


def wav_of(hz: float) -> bytes:
    """Six seconds of a tone in so many channels that they are more than a request may hold."""
    tone = 0.2 * np.sin(2 * np.pi * hz * np.arange(6 * 96_000) / 96_000)
    file = io.BytesIO()
    soundfile.write(file, np.tile(tone[:, None], 8), 96_000, format="WAV", subtype="FLOAT")
    return file.getvalue()


def do(url: str, doing: Callable[[GeminiBatchProvider], Awaitable[Any]], **settings: Any) -> Any:
    """Something with a new provider, which is closed afterwards."""
    teacher = GeminiSettings(limits=LimitSettings(timeout_s=30), **{"seed": 0} | settings)

    async def run() -> Any:
        provider = GeminiBatchProvider(teacher, CLASSES, KEY, url)
        try:
            return await doing(provider)
        finally:
            await provider.close()

    return asyncio.run(run())
