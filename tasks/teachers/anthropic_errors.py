"""Which of the engine's errors an error of Anthropic's is, whether it came as a reply or within a batch's results."""

from __future__ import annotations

import re
from typing import Any

import anthropic
import httpx2
from pydantic import BaseModel, ValidationError

from tasks.asking.provider import NoCreditError, QuestionRejectedError, TryAgainError
from tasks.asking.told import told
from tasks.asking.waits import wait_in_headers_s

# Credit and spend limits come in four ways: 402, and with a 400 or a 429 that only words or a code tell apart.
_NOTHING_LEFT = re.compile(r"credit balance is too low|reached your specified (workspace )?API usage limits")
_SPEND_LIMIT = "enforced_spend_limit_reached"
_BUSY = {408, 409, 425}
_SAME_FOR_ALL = {401, 403, 404, 405}
# The results of a batch name the type and no status.
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class _Details(BaseModel):
    error_code: str | None = None


class _Error(BaseModel):
    type: str = ""
    message: str = ""
    details: _Details | Any = None

    @property
    def code(self) -> str | None:
        return self.details.error_code if isinstance(self.details, _Details) else None


class _Body(BaseModel):
    error: _Error


def lost(error: anthropic.APIConnectionError, timeout_s: float, *, costs: bool = True) -> TryAgainError:
    """No reply came. Only a connection that was never made is surely not paid for; nor is a call that costs nothing."""
    cause = error.__cause__ or error
    is_sent = not isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
    what = f"{type(cause).__name__}: {cause}".rstrip(": ")
    if isinstance(error, anthropic.APITimeoutError):
        what = f"no {'answer' if is_sent else 'connection'} within {timeout_s:g} s"
    return TryAgainError(what, may_be_paid=is_sent and costs)


def meaning(error: anthropic.APIStatusError, key: str) -> Exception:
    """What a reply other than a 200 says about this question and the next."""
    wait_s = wait_in_headers_s(error.response.headers)
    return _meaning(error.status_code, _read(error.body), wait_s, key)


def meaning_in_batch(content: Any, key: str) -> Exception:
    """What the failure of one question of a batch says. None of them was paid."""
    error = _read(content)
    return _meaning(_STATUS.get(error.type, 500), error, None, key)


def _read(body: Any) -> _Error:
    try:
        return _Body.model_validate(body).error
    except ValidationError:
        return _Error(message="" if body is None else str(body))


def _meaning(status: int, error: _Error, wait_s: float | None, key: str) -> Exception:
    text = told(f"{status} {error.type} {error.message}", key)
    if status == 402 or error.code == _SPEND_LIMIT or _NOTHING_LEFT.search(error.message):
        return NoCreditError(text)
    if status == 429:
        return TryAgainError(text, wait_s, limited=True)
    if status >= 500 or status in _BUSY:
        return TryAgainError(text, wait_s)
    return QuestionRejectedError(text, for_all=status in _SAME_FOR_ALL)
