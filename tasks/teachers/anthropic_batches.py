"""What Anthropic's server says of batch jobs: how far they are, and each question's result."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.asking.provider import Answer, BatchState, TryAgainError
from tasks.teachers.anthropic_errors import meaning_in_batch
from tasks.teachers.anthropic_reply import answer_in

_Said = TypeVar("_Said", bound=BaseModel)


class Counts(BaseModel):
    """Of a job's questions."""

    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


class Batch(BaseModel):
    """A job."""

    id: str
    processing_status: str
    request_counts: Counts
    created_at: datetime
    archived_at: datetime | None = None  # its results are gone

    @property
    def has_ended(self) -> bool:
        return self.processing_status == "ended"

    @property
    def state(self) -> BatchState:
        """Until the whole job has ended, the server counts nothing as done."""
        total = self.request_counts.total
        return BatchState(self.has_ended, total - self.request_counts.processing, total, self.processing_status)


class Page(BaseModel):
    """A part of the list of jobs, the newest first."""

    data: list[Batch]
    has_more: bool = False


class _Result(BaseModel):
    type: str
    message: Any = None
    error: Any = None


class _Line(BaseModel):
    custom_id: str
    result: _Result


def read_as(kind: type[_Said], body: bytes, *, costs: bool = False) -> _Said:
    """The body of a 200.

    Args:
        kind: What it should be.
        body: The body.
        costs: Whether the request is paid all the same when its reply cannot be read.

    Raises:
        TryAgainError: It is something else.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        where = error.errors()[0]
        at = ".".join(map(str, where["loc"])) or "the whole"
        raise TryAgainError(f"the reply could not be read: {at}: {where['msg']}", may_be_paid=costs) from None


def key_in(line: str) -> str:
    """Which question a line of the results is about. Raises ValueError where that is not told."""
    return _Line.model_validate(json.loads(line)).custom_id


def result_in(line: str, api_key: str) -> tuple[str, Answer | Exception]:
    """A line of a job's results → the question's key, and its answer or why there is none.

    Raises:
        ValueError: It is no such line.
    """
    read = _Line.model_validate(json.loads(line))
    match read.result.type:
        case "succeeded":
            try:
                return read.custom_id, answer_in(read.result.message)
            except TryAgainError as error:
                return read.custom_id, error
        case "errored":
            return read.custom_id, meaning_in_batch(read.result.error, api_key)
    return read.custom_id, TryAgainError(f"the batch job ended without an answer to this question ({read.result.type})")
