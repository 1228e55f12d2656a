"""What a paid teacher is asked, what it answers, and how it says that it cannot: the promise of every provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Question:
    """What one call asks: one clip, one prompt, and which draws of it (more than one only with several candidates).

    A teacher that hears has `audio` with its `mime_type`; a text proxy has `text`, which stands in for the audio.
    """

    prompt: str
    draws: tuple[int, ...]
    audio: bytes = b""
    mime_type: str = ""
    text: str | None = None


@dataclass(frozen=True)
class Answer:
    """What arrived and was paid, usable or not. `refusal` says why the model gave no content.

    Of several candidates of one call, the first carries the call's input tokens and the others 0.
    """

    text: str
    refusal: str | None
    model_version: str | None
    input_tokens: int | None  # all of them, audio included
    output_tokens: int | None  # thoughts included
    audio_tokens: int | None = None  # None: the provider does not say which input was audio
    is_cut_off: bool = False  # at the limit of its output


class Provider(Protocol):
    """One model behind one account."""

    async def ask(self, question: Question) -> list[Answer]:
        """One call; one answer per draw that was asked for, in their order, or fewer: the rest is asked again.

        Raises one of the errors below when no answer came.
        """

    async def close(self) -> None:
        """Lets go of connections."""


@dataclass(frozen=True)
class BatchState:
    """What the server says of a batch job. `ended` includes failed, expired and cancelled; results may be partial."""

    ended: bool
    done: int  # requests with a result so far, as far as the server tells
    total: int
    told: str  # the server's own word for it


class BatchProvider(Protocol):
    """A provider that also takes many questions as one job, cheaper and slower."""

    @property
    def most_bytes(self) -> int:
        """Of the audio of one job, at most."""

    @property
    def most_questions(self) -> int:
        """Of one job, at most."""

    async def submit(self, name: str, questions: Mapping[str, Question]) -> str:
        """Starts a job called `name` (unique) with one question per key; returns the server's id of it."""

    async def find(self, name: str, keys: set[str]) -> str | None:
        """The id of the job that was submitted under this name with these keys, if the server knows one."""

    async def look(self, job: str) -> BatchState:
        """How far it is."""

    def results(self, job: str) -> AsyncIterator[tuple[str, Answer | Exception]]:
        """Key → its answer, or one of the errors below, of a job that has ended."""

    async def cancel(self, job: str) -> None:
        """Asks the server to stop; it may take a while until the job has ended."""


class TryAgainError(Exception):
    """No answer this time.

    Attributes:
        wait_s: What the server asked for, if it did.
        limited: It said "too many requests", for everyone and not for this one question.
        may_be_paid: The model may have answered, and only the answer was lost: a time-out, a broken connection.
    """

    def __init__(
        self, what: str, wait_s: float | None = None, *, limited: bool = False, may_be_paid: bool = False
    ) -> None:
        super().__init__(what)
        self.wait_s = wait_s
        self.limited = limited
        self.may_be_paid = may_be_paid


class DailyQuotaError(Exception):
    """The account's quota for today is used up: waiting minutes does not help."""


class NoCreditError(DailyQuotaError):
    """The account's money is used up, or its own spending limit: a new day does not help either."""


class CandidatesRefusedError(Exception):
    """The model gives one candidate per call only."""


class QuestionRejectedError(Exception):
    """The server will never answer this: a bad key, an unknown model, audio that it cannot read.

    `for_all` tells whether the next question would fare the same.
    """

    def __init__(self, what: str, *, for_all: bool) -> None:
        super().__init__(what)
        self.for_all = for_all


class NotSentError(QuestionRejectedError):
    """A question that cannot be put: its file is gone or has changed, or it lacks what the teacher needs."""

    def __init__(self, what: str) -> None:
        super().__init__(what, for_all=False)


Heard = Literal["audio", "text proxy"]
