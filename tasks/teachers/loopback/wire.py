"""What the wire formats promise, so that the model behind them need not know which one a request came in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal, Protocol

from tasks.teachers.loopback.questions import Question

Body = dict[str, Any]
Why = Literal[
    "bad_request", "missing_key", "not_found", "too_large", "candidates", "too_many", "spent", "internal", "overloaded"
]


class RefusedError(Exception):
    """A request that gets an error instead of an answer. Its words are the wire's own where there is no `message`.

    Attributes:
        why: What went wrong.
        wait_s: How long to wait, where that helps.
        place: Where the wait is told: "body", "retry-after", "retry-after-ms", "date"; None: as the provider does.
        also_header: `Retry-After` besides the usual place, as proxies add it.
    """

    def __init__(
        self,
        why: Why,
        message: str = "",
        wait_s: float | None = None,
        place: str | None = None,
        also_header: bool = False,
    ) -> None:
        super().__init__(message or why)
        self.why, self.message, self.wait_s = why, message, wait_s
        self.place, self.also_header = place, also_header


@dataclass(frozen=True)
class Refusal:
    """An error as it goes over the wire."""

    status: int
    body: Body
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """One candidate: what the model wrote, and why it stopped."""

    text: str
    ending: Literal["stop", "length", "refused"] = "stop"


@dataclass(frozen=True)
class Reply:
    """A whole answer, before it takes a provider's shape."""

    said: tuple[Said, ...]
    question: Question
    duration_s: float  # of the audio, which is charged by the second; 0 for a text
    version: str  # what really answers, whatever model was asked for
    id: str


class Wire(Protocol):
    """One provider's format. The modules `gemini`, `openai_chat` and `anthropic_messages` keep this promise."""

    MOST_BYTES: int

    def has_key(self, headers: Mapping[str, str]) -> bool:
        """Whether the request names a key, whichever."""

    def read_question(self, body: object) -> Question:
        """A decoded request → what it asks. ValueError: what the provider would answer with a 400."""

    def write_reply(self, reply: Reply) -> Body:
        """The body of a 200."""

    def write_refusal(self, refused: RefusedError) -> Refusal:
        """The shape of an error."""


def wait_headers(refused: RefusedError, usual: tuple[str, ...]) -> dict[str, str]:
    """The headers that tell the wait: where the fault says, or in the provider's usual ones."""
    if refused.wait_s is None:
        return {}
    places = (refused.place,) if refused.place else usual
    headers = {name: _WRITTEN[name](refused.wait_s) for name in places if name in ("retry-after", "retry-after-ms")}
    if "date" in places:
        headers["retry-after"] = format_datetime(datetime.now(UTC) + timedelta(seconds=refused.wait_s), usegmt=True)
    if refused.also_header:
        headers["retry-after"] = _WRITTEN["retry-after"](refused.wait_s)
    return headers


def retry_info(wait_s: float) -> Body:
    """Google's way to say in a body how long to wait."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait_s:g}s"}


_WRITTEN = {
    "retry-after": lambda wait_s: str(math.ceil(wait_s)),
    "retry-after-ms": lambda wait_s: str(math.ceil(wait_s * 1000)),
}
