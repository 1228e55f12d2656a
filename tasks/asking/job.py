"""One call that is to be made, and how a run of calls ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from tasks.asking.provider import Question
from tasks.storage.answers import Spent, StoredAnswer


@dataclass(frozen=True)
class Job:
    """One call: one draw of one clip, or several where the model gives several candidates.

    Attributes:
        keys: What the answers are stored under, one per draw.
        draws: Their numbers.
        read: Makes the question for some of the draws. The audio is read when its turn comes.
        output_tokens: Of one answer, at most.
    """

    keys: tuple[str, ...]
    draws: tuple[int, ...]
    read: Callable[[tuple[int, ...]], Question]
    audio_tokens: float
    text_tokens: float
    output_tokens: int

    @property
    def input_tokens(self) -> float:
        return self.audio_tokens + self.text_tokens

    def rest(self, answered: int) -> Job:
        """Without the draws that are answered."""
        return replace(self, keys=self.keys[answered:], draws=self.draws[answered:])

    def one_by_one(self) -> list[Job]:
        """A job for each draw."""
        return [replace(self, keys=(key,), draws=(draw,)) for key, draw in zip(self.keys, self.draws, strict=True)]


class Keeper(Protocol):
    """Where answers go. Both return when what they were given is stored."""

    def keep(self, key: str, answer: StoredAnswer, spent: Spent) -> None:
        """An answer and what it took."""

    def charge(self, spent: Spent) -> None:
        """What a call may have taken whose answer was lost."""


@dataclass(frozen=True)
class Stop:
    """Why asking ended early, and what the user can do.

    Attributes:
        kind: "quota" (money or the day's quota is spent), "provider" (it is out, or refuses), "store" (disk full).
    """

    why: str
    kind: str
    go_on: str = ""


@dataclass
class Outcome:
    """How a run of questions ended.

    Attributes:
        answered: How many answers arrived and were stored.
        batched: How many of them came in batch jobs.
        calls: How many calls were sent.
        failed: Key → why no answer came.
        limited: How many calls the server turned away as too many.
        stopped: Why asking ended early; None if it did not.
    """

    answered: int = 0
    batched: int = 0
    calls: int = 0
    limited: int = 0
    spent: Spent = field(default_factory=Spent)
    failed: dict[str, str] = field(default_factory=dict)
    stopped: Stop | None = None
