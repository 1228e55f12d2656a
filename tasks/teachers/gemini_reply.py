"""What Gemini says back, as the engine wants it: answers, and which error a failure is."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Any, TypeVar

import httpx2
from google.genai import errors, types

from tasks.asking.provider import (
    Answer,
    CandidatesRefusedError,
    DailyQuotaError,
    QuestionRejectedError,
    TryAgainError,
)
from tasks.asking.told import told
from tasks.asking.waits import wait_in_details_s, wait_in_headers_s

T = TypeVar("T")
_FINISHED = {"STOP", "MAX_TOKENS"}


async def reached(call: Awaitable[T], key: str, timeout_s: float, *, is_paid: bool) -> T:
    """The SDK's reply; its failures as the engine's errors. `is_paid`: an answer that got lost has been paid for."""
    try:
        return await call
    except errors.APIError as error:
        raise meaning(error, key) from error
    except httpx2.TimeoutException as error:
        is_sent = not isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout)
        raise TryAgainError(f"no answer within {timeout_s:g} s", may_be_paid=is_paid and is_sent) from error
    except (httpx2.TransportError, OSError) as error:
        is_sent = not isinstance(error, httpx2.ConnectError)
        server = os.environ.get("GOOGLE_GEMINI_BASE_URL")
        where = f" (GOOGLE_GEMINI_BASE_URL is {server})" if server else ""
        text = told(f"{type(error).__name__}: {error}".rstrip(": ") + where, key)
        raise TryAgainError(text, may_be_paid=is_paid and is_sent) from error
    except ValueError as error:  # a body that is cut off or no JSON
        raise TryAgainError(f"the reply could not be read: {error}", may_be_paid=is_paid) from error


def answers_in(reply: types.GenerateContentResponse) -> list[Answer]:
    """One per candidate; the first carries the input's tokens, each its share of the output's.

    Raises:
        TryAgainError: The reply holds nothing.
    """
    if not (reply.candidates or reply.prompt_feedback or reply.usage_metadata):  # a broken proxy's 200
        raise TryAgainError("the reply holds neither an answer nor a reason")
    usage = reply.usage_metadata
    sent, audio, written = _tokens(usage) if usage else (None, None, None)
    candidates: list[types.Candidate | None] = [*reply.candidates] if reply.candidates else [None]
    shares = _shares(written, len(candidates))
    return [
        Answer(
            text=_text(candidate),
            refusal=_refusal(reply, candidate),
            model_version=reply.model_version,
            input_tokens=sent if n == 0 or sent is None else 0,
            output_tokens=shares[n],
            audio_tokens=audio if n == 0 or audio is None else 0,
            is_cut_off=candidate is not None and candidate.finish_reason is types.FinishReason.MAX_TOKENS,
        )
        for n, candidate in enumerate(candidates)
    ]


def meaning(error: errors.APIError, key: str) -> Exception:
    """Which of the engine's errors this is."""
    details = _details(error)
    text = told(f"{error.code} {error.status or ''} {error.message or ''}", key)
    if error.code == 429:
        if "PerDay" in str([detail.get("violations") for detail in details]):
            return DailyQuotaError(text)
        return TryAgainError(text, _asked_wait_s(details, error), limited=True)
    if error.code >= 500 or error.code == 408:
        return TryAgainError(text, _asked_wait_s(details, error))
    if error.code == 400 and "candidate" in text.lower():
        return CandidatesRefusedError(text)
    return QuestionRejectedError(text, for_all=error.code in (401, 403, 404) or "API key" in text)


def _tokens(usage: types.GenerateContentResponseUsageMetadata) -> tuple[int | None, int | None, int]:
    """Input, its audio, output with thoughts."""
    details = usage.prompt_tokens_details or []
    audio = sum(d.token_count or 0 for d in details if d.modality is types.MediaModality.AUDIO) if details else None
    return usage.prompt_token_count, audio, (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)


def _shares(total: int | None, parts: int) -> list[int | None]:
    """Whole numbers that add up to the total."""
    if total is None:
        return [None] * parts
    return [total // parts + (1 if n < total % parts else 0) for n in range(parts)]


def _text(candidate: types.Candidate | None) -> str:
    parts = (candidate.content.parts or []) if candidate and candidate.content else []
    # JSON can hold half a character, where an answer was cut; no file can.
    return "".join(part.text or "" for part in parts if not part.thought).encode("utf-8", "replace").decode()


def _refusal(reply: types.GenerateContentResponse, candidate: types.Candidate | None) -> str | None:
    if candidate is None:
        blocked = reply.prompt_feedback.block_reason if reply.prompt_feedback else None
        return f"blocked: {blocked.value if blocked else 'no candidate'}"
    reason = candidate.finish_reason.value if candidate.finish_reason else "STOP"
    return None if reason in _FINISHED else f"finish_reason {reason}"


def _details(error: errors.APIError) -> list[dict[str, Any]]:
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error", body)
    details = (inner.get("details") or []) if isinstance(inner, dict) else []
    return [detail for detail in details if isinstance(detail, dict)]


def _asked_wait_s(details: list[dict[str, Any]], error: errors.APIError) -> float | None:
    """Gemini puts the wait into the body; proxies put it into a header."""
    in_body = wait_in_details_s(details)
    return wait_in_headers_s(getattr(error.response, "headers", None) or {}) if in_body is None else in_body
