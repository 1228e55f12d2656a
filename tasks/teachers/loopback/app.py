"""The loopback model as an ASGI application: key, limit and faults, then Gemini's `generateContent`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tasks.teachers.loopback import gemini, gemini_errors
from tasks.teachers.loopback.faults import Fault, FaultPlan, parse_faults
from tasks.teachers.loopback.gemini_errors import RefusedError
from tasks.teachers.loopback.hearing import Ear
from tasks.teachers.loopback.judge import judge
from tasks.teachers.loopback.sampling import make_rng, sample_answer

MOST_LOGGED = 10_000


@dataclass(frozen=True)
class LoopbackSettings:
    """How the server behaves, and misbehaves."""

    faults: str | None = None
    latency_s: float = 0.0  # before every answer; real models take seconds
    requests_per_minute: int | None = None


@dataclass
class Asked:
    """One request as the log remembers it. Never the key, never the audio."""

    time: float
    audio_sha256: str | None = None  # None: the request had no audio that could be read
    status: int = 0
    fault: str | None = None


@dataclass
class MinuteLimit:
    """Lets so many requests through within any 60 seconds; those turned away do not count."""

    per_minute: int | None
    let_through: deque[float] = field(default_factory=deque)

    def wait_s(self, now: float) -> float:
        """0 and counted, or how long until the next request would be let through."""
        if self.per_minute is None:
            return 0.0
        while self.let_through and now - self.let_through[0] >= 60:
            self.let_through.popleft()
        if len(self.let_through) >= self.per_minute:
            return 60 - (now - self.let_through[0])
        self.let_through.append(now)
        return 0.0


class Loopback:
    """What the server remembers between requests, and its endpoint."""

    def __init__(self, settings: LoopbackSettings) -> None:
        self.settings = settings
        self.plan = FaultPlan(parse_faults(settings.faults))
        self.limit = MinuteLimit(settings.requests_per_minute)
        self.ear = Ear()
        self.requests = 0
        self.answered = 0
        self.log: deque[Asked] = deque(maxlen=MOST_LOGGED)

    async def generate(self, request: Request) -> Response:
        """`POST /{version}/models/{model}:generateContent`."""
        asked = Asked(time.time())
        self.requests += 1
        self.log.append(asked)
        try:
            answer = await self._answer(request, asked)
        except RefusedError as refusal:
            asked.status = refusal.status
            return JSONResponse(refusal.body, refusal.status, refusal.headers)
        self.answered += 1
        asked.status = 200
        return JSONResponse(answer)

    async def _answer(self, request: Request, asked: Asked) -> dict[str, Any]:
        if not request.headers.get("x-goog-api-key"):
            raise gemini_errors.missing_key()
        body = await request.body()
        if len(body) > gemini.MOST_BYTES:
            raise gemini_errors.bad_request(f"Request payload size exceeds the limit: {gemini.MOST_BYTES} bytes.")
        try:
            question = gemini.read_question(json.loads(body))
            asked.audio_sha256 = hashlib.sha256(question.audio).hexdigest()
            fault = self._misbehave(asked)
            answer = await self._judge(question, asked.audio_sha256)
        except ValueError as error:
            raise gemini_errors.bad_request(str(error)) from None
        await asyncio.sleep(self.settings.latency_s + (fault.seconds if fault and fault.name == "slow" else 0))
        return gemini_errors.spoil(answer, fault) if fault else answer

    def _misbehave(self, asked: Asked) -> Fault | None:
        """Turns the request away, or returns the fault that its answer is to suffer."""
        if wait_s := self.limit.wait_s(time.monotonic()):
            raise gemini_errors.too_many(wait_s)
        fault = self.plan.next()
        asked.fault = fault.name if fault else None
        if fault and (refusal := gemini_errors.refuse(fault)):
            raise refusal
        return fault

    async def _judge(self, question: gemini.Question, audio_sha256: str) -> dict[str, Any]:
        heard = await self.ear.listen(audio_sha256, question.audio)
        logits_C = judge(heard.prosody, question.classes)
        rng = make_rng(question.seed, audio_sha256, question.prompt)
        texts = [
            json.dumps(sample_answer(logits_C, question.classes, question.temperature, rng))
            for _ in range(question.candidates)
        ]
        return gemini.write_answer(texts, question, heard.duration_s, response_id=rng.bytes(8).hex())


def create_app(settings: LoopbackSettings | None = None) -> Starlette:
    """The application; its `state.loopback` holds the counts and the log.

    Raises:
        ValueError: `settings.faults` cannot be read.
    """
    loopback = Loopback(settings or LoopbackSettings())
    app = Starlette(
        routes=[
            Route("/{version}/models/{model}:generateContent", loopback.generate, methods=["POST"]),
            Route("/{version}/models/{model}", _describe_model),
        ],
        exception_handlers={404: _not_found, 405: _not_found},
    )
    app.state.loopback = loopback
    return app


async def _describe_model(request: Request) -> Response:
    return JSONResponse(gemini.write_model(request.path_params["model"]))


async def _not_found(request: Request, error: Exception) -> Response:
    refusal = gemini_errors.not_found(request.url.path)
    return JSONResponse(refusal.body, refusal.status)
