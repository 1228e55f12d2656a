"""Time that jumps, a provider that follows a script, and one run of the engine with both."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from tasks.asking.engine import Engine
from tasks.asking.job import Job, Outcome
from tasks.asking.limits import LimitSettings
from tasks.asking.money import Allowance, Price
from tasks.asking.provider import Answer, Question
from tasks.asking.shared_quota import Blocks, SharedQuota
from tasks.storage.answers import Spent, StoredAnswer

T = TypeVar("T")
Reply = Answer | list[Answer] | Exception
ANSWER = Answer('{"sad": 1}', refusal=None, model_version="made-up-1", input_tokens=100, output_tokens=10)


class JumpingTime:
    """An event loop whose time stands still while anyone can work, and jumps to the next alarm when all wait."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._runner = asyncio.Runner(loop_factory=lambda: _JumpingLoop(self))

    def now(self) -> float:
        return self.now_s

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self._runner.close()


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self, time: JumpingTime) -> None:
        self._jumping = time
        super().__init__(_JumpingSelector(time))

    def time(self) -> float:
        return self._jumping.now_s


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, time: JumpingTime) -> None:
        super().__init__()
        self._jumping = time

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everyone waits and nobody has set an alarm"
        self._jumping.now_s += max(timeout, 0)
        return super().select(0)


@dataclass
class ScriptedProvider:
    """Keeps `Provider`. `script` says what call n (from 0) gets; an error is raised. Call n takes `takes_s`."""

    time: JumpingTime
    script: Callable[[int, Question], Reply]
    takes_s: Callable[[int], float] = lambda call: 1.0
    asked: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)  # when, which draws
    in_flight: int = 0
    most_in_flight: int = 0

    async def ask(self, question: Question) -> list[Answer]:
        call = len(self.asked)
        self.asked.append((self.time.now(), question.draws))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.takes_s(call))
        self.in_flight -= 1
        reply = self.script(call, question)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, list) else [reply] * len(question.draws)

    async def close(self) -> None:
        """Holds nothing."""

    @property
    def times(self) -> list[float]:
        return [when for when, _ in self.asked]

    @property
    def draws(self) -> list[tuple[int, ...]]:
        return [draws for _, draws in self.asked]


@dataclass
class Kept:
    """Keeps `Keeper`: answers by key, and what was charged for answers that got lost."""

    answers: dict[str, StoredAnswer] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    charged: list[Spent] = field(default_factory=list)

    def keep(self, key: str, answer: StoredAnswer, spent: Spent) -> None:
        self.answers[key] = answer
        self.spent = self.spent + spent

    def charge(self, spent: Spent) -> None:
        self.charged.append(spent)
        self.spent = self.spent + spent


@dataclass
class Run:
    """One engine, its provider, and what it left behind.

    Job n asks for one draw, n, under the key "q<n>"; with several draws per job for n × draws and those after it.
    """

    time: JumpingTime
    provider: ScriptedProvider
    make_engine: Callable[[], Engine]
    allowance: Allowance
    kept: Kept
    draws_per_job: int = 1
    read: list[tuple[int, ...]] = field(default_factory=list)  # the draws whose audio was read, in order
    engine: Engine | None = None

    def ask(self, n: int) -> Outcome:
        """Asks n jobs; again on the same engine when it is called again."""
        return self.time.run(self.begin(n))

    async def begin(self, n: int) -> Outcome:
        """The same within the loop."""
        self.engine = self.engine or self.make_engine()
        return await self.engine.ask_all(map(self.job, range(n)))

    def job(self, number: int) -> Job:
        draws = tuple(range(number * self.draws_per_job, (number + 1) * self.draws_per_job))
        keys = tuple(f"q{draw}" for draw in draws)
        return Job(keys, draws, self._question, audio_tokens=100, text_tokens=50, output_tokens=1024)

    def _question(self, draws: tuple[int, ...]) -> Question:
        self.read.append(draws)
        return Question("How?", draws, b"audio", "audio/flac")


class Runs:
    """Makes runs. Only the last one's loop is open: Hypothesis would use up the files that a process may open."""

    def __init__(self) -> None:
        self._last = JumpingTime()

    def __call__(
        self,
        script: Callable[[int, Question], Reply] = lambda call, question: ANSWER,
        *,
        allowance: Allowance | None = None,
        price: Price | None = None,
        kept: Kept | None = None,
        draws_per_job: int = 1,
        provider: Callable[[JumpingTime], Any] | None = None,
        shared: SharedQuota | None = None,
        **limits: Any,
    ) -> Run:
        """No limits but those that are given."""
        time, allowance, kept = self.time(), allowance or Allowance(), kept or Kept()
        asked = provider(time) if provider else ScriptedProvider(time, script)
        settings = LimitSettings(**{"requests_per_minute": None, "tokens_per_minute": None, "concurrency": 1} | limits)

        def make_engine() -> Engine:
            slot = Blocks(shared, shared.size().block(settings)).take if shared else None
            return Engine(asked, settings, allowance, price, kept, lambda: "Tomorrow.", shared_slot=slot)

        return Run(time, asked, make_engine, allowance, kept, draws_per_job)

    def time(self) -> JumpingTime:
        self._last.close()
        self._last = JumpingTime()
        return self._last

    def close(self) -> None:
        self._last.close()


@pytest.fixture(scope="session")
def make_run():
    """For Hypothesis too, which calls one test many times."""
    runs = Runs()
    yield runs
    runs.close()


@pytest.fixture
def time(make_run: Runs) -> JumpingTime:
    return make_run.time()


@pytest.fixture(scope="session")
def new_kept() -> type[Kept]:
    return Kept


@pytest.fixture(scope="session")
def answer() -> Answer:
    return ANSWER
