"""The loopback model: turns a question that came in any wire format away, or judges it and samples an answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field

from tasks.teachers.loopback.bodies import count_tokens
from tasks.teachers.loopback.faults import Fault, FaultPlan, parse_faults
from tasks.teachers.loopback.hearing import Ear
from tasks.teachers.loopback.judge import VERSION, judge, judge_deviations
from tasks.teachers.loopback.questions import Question
from tasks.teachers.loopback.sampling import make_rng, sample_answer
from tasks.teachers.loopback.spoiling import refusal_of, spoil
from tasks.teachers.loopback.wire import RefusedError, Reply, Said
from tasks.teachers.text_proxy import levels_of

MOST_LOGGED = 10_000


@dataclass(frozen=True)
class LoopbackSettings:
    """How the server behaves, and misbehaves."""

    faults: str | None = None
    latency_s: float = 0.0  # before every answer; real models take seconds
    requests_per_minute: int | None = None
    batch_s: float = 0.0  # how long a batch takes; 0: it has ended at the first look


@dataclass
class Asked:
    """One request as the log remembers it. Never the key, never the audio."""

    time: float
    audio_sha256: str | None = None  # of the text where that stands for the audio; None: nothing that could be read
    status: int = 0
    fault: str | None = None
    path: str = ""


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
    """What the server remembers between requests."""

    def __init__(self, settings: LoopbackSettings) -> None:
        self.settings = settings
        faults = parse_faults(settings.faults)
        self.plan, self.batch_plan = FaultPlan(faults), FaultPlan(faults)
        self.limit = MinuteLimit(settings.requests_per_minute)
        self.ear = Ear()
        self.requests = 0
        self.answered = 0
        self.batch_answered = 0
        self.log: deque[Asked] = deque(maxlen=MOST_LOGGED)

    def note(self, path: str) -> Asked:
        """A request that came in."""
        asked = Asked(time.time(), path=path)
        self.requests += 1
        self.log.append(asked)
        return asked

    async def answer(self, question: Question, asked: Asked, *, in_batch: bool = False) -> Reply:
        """What the model says, spoilt where a fault strikes. A batch knows neither limit nor latency.

        Raises:
            RefusedError: An error instead of an answer.
        """
        asked.audio_sha256 = question.sha256
        if not in_batch and (wait_s := self.limit.wait_s(time.monotonic())):
            raise RefusedError("too_many", wait_s=wait_s)
        fault = self.plan.next(question.candidates)
        asked.fault = fault.name if fault else None
        if fault and (refused := refusal_of(fault)):
            raise refused
        reply = await self._judge(question)
        if not in_batch:
            await asyncio.sleep(self.settings.latency_s + _delay_s(fault))
        return spoil(reply, fault) if fault else reply

    async def _judge(self, question: Question) -> Reply:
        try:
            if question.audio is None:
                duration_s, logits_C = 0.0, judge_deviations(levels_of(question.prompt), question.classes)
            else:
                heard = await self.ear.listen(question.sha256, question.audio)
                duration_s, logits_C = heard.duration_s, judge(heard.prosody, question.classes)
        except ValueError as error:
            raise RefusedError("bad_request", str(error)) from None
        rng = make_rng(question.seed, question.sha256, question.prompt)
        answers = [
            sample_answer(logits_C, question.classes, question.temperature, rng) for _ in range(question.candidates)
        ]
        said = tuple(_write(answer, question) for answer in answers)
        return Reply(said, question, duration_s, VERSION, rng.bytes(8).hex())


def _write(answer: dict[str, float], question: Question) -> Said:
    if question.answer == "label":
        text = json.dumps({"label": max(answer, key=answer.__getitem__)})
    else:
        text = json.dumps(answer)
    if question.most_tokens is not None and count_tokens(text) > question.most_tokens:
        return Said(text[: 4 * question.most_tokens], "length")
    return Said(text)


def _delay_s(fault: Fault | None) -> float:
    return fault.seconds if fault and fault.name == "slow" else 0.0
