"""Which of the engine's errors an error of the OpenAI SDK is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from tasks.asking.provider import (
    CandidatesRefusedError,
    DailyQuotaError,
    NoCreditError,
    QuestionRejectedError,
    TryAgainError,
)
from tasks.asking.told import told
from tasks.asking.waits import duration_s, wait_in_details_s, wait_in_headers_s, wait_in_text_s

_NOTHING_LEFT = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
}
_BUSY = {408, 409, 425}
_SAME_FOR_ALL = {401, 403, 404, 405}
_OF_EVERY_QUESTION = re.compile(r"model|temperature|seed|response_format|modalities|max_(completion_)?tokens")
_ABOUT_N = re.compile(
    r"(?<!\w)n(?!\w)\W*(must|should|has to|is|can|=|>|<)|['\"`]n['\"`]|best_of|candidates?\b|choices\b"
)


def lost(error: openai.APIConnectionError, timeout_s: float) -> TryAgainError:
    """No reply came. Only a connection that was never made is surely not paid for."""
    cause = error.__cause__ or error
    is_sent = not isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
    what = f"{type(cause).__name__}: {cause}".rstrip(": ")
    if isinstance(error, openai.APITimeoutError):
        what = f"no {'answer' if is_sent else 'connection'} within {timeout_s:g} s"
    return TryAgainError(what, may_be_paid=is_sent)


def meaning(error: openai.APIStatusError, key: str | None, draws: int) -> Exception:
    """What a reply other than a 200 says about this question and the next."""
    said = _read(error)
    text = told(f"{said.status} {said.codes[0]} {said.words}", key)
    if said.status == 402 or _NOTHING_LEFT.intersection(said.codes):
        return NoCreditError(text)
    if said.status == 429:
        return _limited(said, text)
    if said.status >= 500 or said.status in _BUSY:
        return TryAgainError(text, _asked_wait_s(said))
    if draws > 1 and (said.param == "n" or _ABOUT_N.search(said.words)):
        return CandidatesRefusedError(text)
    if said.status == 401 and key is None:
        return QuestionRejectedError(f"{text}. No key was sent: name its variable in `api_key_env`", for_all=True)
    return _rejected(said, text)


@dataclass(frozen=True)
class _Said:
    status: int
    headers: Mapping[str, str]
    words: str
    codes: tuple[str, str]  # the second is coarser; either may be empty
    param: str
    details: Any


def _read(error: openai.APIStatusError) -> _Said:
    # Google's server of this kind wraps all of it into a list.
    body = error.body[0] if isinstance(error.body, list) and error.body else error.body
    inner = body.get("error", body) if isinstance(body, dict) else None
    said = inner if isinstance(inner, dict) else {}
    words = str(said.get("message") or said.get("detail") or error.body or "")
    kind = str(said.get("type") or "")
    code = str(said.get("code") or "")
    codes = (kind if code.isdecimal() else code or kind, kind)  # some repeat the status as the code
    return _Said(error.status_code, error.response.headers, words, codes, str(said.get("param")), said.get("details"))


def _limited(said: _Said, text: str) -> Exception:
    if re.search(r"\bper day\b|\bRPD\b|\bTPD\b|PerDay", f"{said.words} {said.details}"):
        return DailyQuotaError(text)
    if said.words.startswith("Request too large"):  # larger than a whole minute's tokens
        return QuestionRejectedError(text, for_all=False)
    return TryAgainError(text, _asked_wait_s(said), limited=True)


def _rejected(said: _Said, text: str) -> QuestionRejectedError:
    if said.param == "response_format" or "response_format" in said.words:
        return QuestionRejectedError(f"{text}. Set `structured: false` for this model", for_all=True)
    if said.status in (404, 405) and "model" not in said.words:
        return QuestionRejectedError(f"{text}. Is the base_url right? It usually ends in /v1", for_all=True)
    is_same = said.status in _SAME_FOR_ALL or _OF_EVERY_QUESTION.fullmatch(said.param)
    is_deaf = re.search("At most 0 audio|not a multimodal model", said.words)  # vLLM's words for a model without ears
    return QuestionRejectedError(text, for_all=bool(is_same or is_deaf or "API key" in said.words))


def _asked_wait_s(said: _Said) -> float | None:
    """As headers or the body ask for it, else when the limit that is used up is whole again."""
    for wait_s in (wait_in_headers_s(said.headers), wait_in_details_s(said.details), wait_in_text_s(said.words)):
        if wait_s is not None:
            return wait_s
    used_up = "tokens" if said.headers.get("x-ratelimit-remaining-requests", "0") != "0" else "requests"
    return duration_s(said.headers.get(f"x-ratelimit-reset-{used_up}", ""))
