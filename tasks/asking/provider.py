"""What a paid teacher is asked, what it answers, and how it says that it cannot: the promise of every provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Question:
    """One draw of one clip."""

    audio: bytes
    mime_type: str
    draw: int


@dataclass(frozen=True)
class Answer:
    """What arrived and was paid, usable or not. `refusal` says why the model gave no content."""

    text: str
    refusal: str | None
    model_version: str | None
    input_tokens: int | None
    output_tokens: int | None


class Provider(Protocol):
    """One model behind one account."""

    async def ask(self, question: Question) -> Answer:
        """One call. Raises one of the three errors below when no answer came."""


class TryAgainError(Exception):
    """No answer this time; `wait_s` is what the server asked for, if it did."""

    def __init__(self, what: str, wait_s: float | None = None, *, limited: bool = False) -> None:
        super().__init__(what)
        self.wait_s = wait_s
        self.limited = limited  # the server said "too many requests", for everyone and not for this one question


class DailyQuotaError(Exception):
    """The account's quota for today is used up: waiting minutes does not help."""


class QuestionRejectedError(Exception):
    """The server will never answer this: a bad key, an unknown model, audio that it cannot read.

    `for_all` tells whether the next question would fare the same.
    """

    def __init__(self, what: str, *, for_all: bool) -> None:
        super().__init__(what)
        self.for_all = for_all
