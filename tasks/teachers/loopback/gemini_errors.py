"""How refusals and faults look in Gemini's wire format: error bodies with Google's details, and spoilt answers."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from tasks.teachers.loopback.faults import Fault

Body = dict[str, Any]
STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
OVER_QUOTA = "You exceeded your current quota, please check your plan and billing details. (loopback)"
PROSE = "Listening to the clip, I would say:\n\n```json\n{}\n```\n\nThe voice leaves room for doubt."


class RefusedError(Exception):
    """A request that gets an error instead of an answer."""

    def __init__(self, status: int, message: str, details: list[Body] | None = None) -> None:
        super().__init__(message)
        error: Body = {"code": status, "message": message, "status": STATUS[status]}
        self.status = status
        self.body: Body = {"error": error | ({"details": details} if details else {})}
        self.headers: dict[str, str] = {}


def bad_request(message: str) -> RefusedError:
    return RefusedError(400, message)


def missing_key() -> RefusedError:
    """Google's own words."""
    return RefusedError(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    )


def not_found(path: str) -> RefusedError:
    return RefusedError(404, f"{path} is not served here. Known: POST /VERSION/models/MODEL:generateContent.")


def too_many(retry_s: float, header: bool = False) -> RefusedError:
    """A 429 that says how long to wait. Gemini puts it into the body; some proxies in front of it add the header."""
    details = [_quota_failure("GenerateRequestsPerMinutePerProjectPerModel"), _retry_info(retry_s)]
    refusal = RefusedError(429, OVER_QUOTA, details)
    if header:
        refusal.headers["Retry-After"] = str(math.ceil(retry_s))
    return refusal


def too_many_today(retry_s: float) -> RefusedError:
    """A 429 for the rest of the day. Google sends a short retryDelay with it all the same: obeying it is in vain."""
    return RefusedError(
        429, OVER_QUOTA, [_quota_failure("GenerateRequestsPerDayPerProjectPerModel"), _retry_info(retry_s)]
    )


def refuse(fault: Fault) -> RefusedError | None:
    """The error that a fault answers with; None for a fault that delays or spoils a real answer."""
    if fault.name == "429":
        return too_many(fault.retry_s, fault.header)
    if fault.name == "429-daily":
        return too_many_today(fault.retry_s)
    if fault.name == "500":
        return RefusedError(500, "An internal error has occurred. Please retry. (loopback)")
    if fault.name == "503":
        return RefusedError(503, "The model is overloaded. Please try again later. (loopback)")
    return None


def spoil(answer: Body, fault: Fault) -> Body:
    """The answer as the fault leaves it. It has been paid: the token counts stay."""
    spoilt = copy.deepcopy(answer)
    for candidate in spoilt["candidates"]:
        if fault.name in REWRITTEN:
            part = candidate["content"]["parts"][0]
            part["text"] = REWRITTEN[fault.name](part["text"])
        elif fault.name == "safety":
            del candidate["content"]
            candidate["finishReason"] = "SAFETY"
        elif fault.name == "max_tokens":
            candidate |= {"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}
    return spoilt


REWRITTEN: dict[str, Callable[[str], str]] = {
    "truncated_json": lambda text: text[: len(text) * 2 // 3],
    "prose": PROSE.format,
    "unparsable": lambda text: "The speaker sounds rather upset, but I cannot put a number on it.",
}


def _retry_info(retry_s: float) -> Body:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_s:g}s"}


def _quota_failure(quota_id: str) -> Body:
    metric = "generativelanguage.googleapis.com/generate_content_requests"
    violation = {"quotaMetric": metric, "quotaId": quota_id}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
