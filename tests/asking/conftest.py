"""Time that jumps, a provider that follows a script, and one run of the engine with both."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from tasks.asking.engine import Engine, Job, Outcome
from tasks.asking.limits import LimitSettings
from tasks.asking.money import Budget, Price
from tasks.asking.provider import Answer, Question
from tasks.storage.answers import StoredAnswer

T = TypeVar("T")
ANSWER = Answer('{"sad": 1}', refusal=None, model_version="made-up-1", input_tokens=100, output_tokens=10)


class FakeClock:
    """Keeps `Clock`: time stands still while anyone can work, and jumps to the next alarm when all wait."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """In an event loop that lives in this time."""
        with asyncio.Runner(loop_factory=lambda: _JumpingLoop(self)) as runner:
            return runner.run(work)


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FakeClock) -> None:
        self._fake = clock
        super().__init__(_JumpingSelector(clock))

    def time(self) -> float:
        return self._fake.now_s


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._fake = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everyone waits and nobody has set an alarm"
        self._fake.now_s += timeout
        return super().select(0)


@dataclass
class ScriptedProvider:
    """Keeps `Provider`. `script` says what call n (from 0) gets; an error is raised. Each call takes `takes_s`."""

    clock: FakeClock
    script: Callable[[int, Question], Answer | Exception]
    takes_s: float = 1.0
    asked: list[tuple[float, int]] = field(default_factory=list)  # when, which draw
    in_flight: int = 0
    most_in_flight: int = 0

    async def ask(self, question: Question) -> Answer:
        call = len(self.asked)
        self.asked.append((self.clock.now(), question.draw))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.takes_s)
        self.in_flight -= 1
        if isinstance(reply := self.script(call, question), Exception):
            raise reply
        return reply

    @property
    def times(self) -> list[float]:
        return [when for when, _ in self.asked]


@dataclass
class Run:
    """One engine, its provider, and what it left behind. Job n has the key "q<n>" and asks for draw n."""

    clock: FakeClock
    provider: ScriptedProvider
    engine: Engine
    budget: Budget
    kept: dict[str, StoredAnswer]
    read: list[int] = field(default_factory=list)  # the jobs whose audio was read, in order

    def ask(self, n: int) -> Outcome:
        return self.clock.run(self.engine.ask_all(map(self._job, range(n))))

    def _job(self, number: int) -> Job:
        def read() -> Question:
            self.read.append(number)
            return Question(b"audio", "audio/flac", number)

        return Job(f"q{number}", read, audio_tokens=100, text_tokens=50, output_tokens=1024)


def make_run(
    script: Callable[[int, Question], Answer | Exception] = lambda call, question: ANSWER,
    *,
    ceiling_usd: float | None = None,
    price: Price | None = None,
    keep: Callable[[str, StoredAnswer], None] | None = None,
    **limits: Any,
) -> Run:
    """No limits but those that are given."""
    clock, budget, kept = FakeClock(), Budget(ceiling_usd), dict[str, StoredAnswer]()
    provider = ScriptedProvider(clock, script)
    settings = LimitSettings(**{"requests_per_minute": None, "tokens_per_minute": None, "concurrency": 1} | limits)
    engine = Engine(provider, settings, budget, price, keep or kept.__setitem__, clock)
    return Run(clock, provider, engine, budget, kept)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def fresh_clock() -> Callable[[], FakeClock]:
    """For Hypothesis, which calls one test many times."""
    return FakeClock


@pytest.fixture(scope="session", name="make_run")
def make_run_fixture() -> Callable[..., Run]:
    return make_run


@pytest.fixture(scope="session")
def answer() -> Answer:
    return ANSWER
