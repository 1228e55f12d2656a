"""How long to wait before a question is put again: what the server asks for, wherever it says so, else jitter."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 300.0  # a server that asks for more is out, not busy
_FIRST_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = 60.0

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def wait_s(asked_s: float | None, attempt: int) -> float:
    """The server's own wait where it named one, else full jitter (Brooker 2015) after the n-th attempt, from 1."""
    if asked_s is not None:
        return min(asked_s, LONGEST_WAIT_S)
    return random.uniform(0, min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2 ** (attempt - 1)))


def duration_s(text: str) -> float | None:
    """Seconds in a duration as Google's and OpenAI's servers write it; None for anything else.

    >>> [duration_s(text) for text in ("45.8s", "250ms", "6m0s", "1h30m", "7", "soon")]
    [45.8, 0.25, 360.0, 5400.0, None, None]
    """
    if not re.fullmatch(rf"(?:{_PART.pattern})+", text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def wait_in_text_s(text: str) -> float | None:
    """OpenAI tells it in words too.

    >>> wait_in_text_s("Rate limit reached for requests. Please try again in 1m26.4s. Visit the page of limits.")
    86.4
    """
    told = re.search(rf"\b(?:try again|retry) (?:in|after) ((?:{_PART.pattern})+)", text, re.IGNORECASE)
    return duration_s(told[1]) if told else None


def wait_in_details_s(details: object) -> float | None:
    """Google's `RetryInfo`, anywhere among an error's details.

    >>> wait_in_details_s([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.8s"}])
    45.8
    """
    found = details if isinstance(details, list) else []
    waits = [duration_s(str(detail.get("retryDelay", ""))) for detail in found if isinstance(detail, dict)]
    return next((wait_s for wait_s in waits if wait_s is not None), None)


def wait_in_headers_s(headers: Mapping[str, str]) -> float | None:
    """From `retry-after-ms`, else from `Retry-After` as seconds or as a date.

    >>> wait_in_headers_s({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:27:30 GMT"})
    30.0
    """
    told = {name.lower(): value.strip() for name, value in headers.items()}
    if (milliseconds := _number(told.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    after = told.get("retry-after", "")
    if (seconds := _number(after)) is not None:
        return seconds
    until, now = _date(after), _date(told.get("date", "")) or datetime.now(UTC)  # by the server's own clock
    return (until - now).total_seconds() if until and until > now else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d+(?:\.\d+)?", text) else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
