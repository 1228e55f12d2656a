"""How refusals look in OpenAI's wire format."""

from __future__ import annotations

from tasks.teachers.loopback.wire import Body, Refusal, RefusedError, retry_info, wait_headers

# why → status, type, code, parameter, and OpenAI's own words where there are some
USUAL: dict[str, tuple[int, str, str | None, str | None, str]] = {
    "bad_request": (400, "invalid_request_error", None, None, "Invalid request."),
    "too_large": (413, "invalid_request_error", None, None, "Request too large."),
    "candidates": (
        400,
        "invalid_request_error",
        "unsupported_value",
        "n",
        "Unsupported value: 'n' must be 1 with this model. Only the default (1) value is supported.",
    ),
    "missing_key": (
        401,
        "invalid_request_error",
        None,
        None,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.",
    ),
    "not_found": (404, "invalid_request_error", None, None, "Invalid URL."),
    "too_many": (429, "requests", "rate_limit_exceeded", None, "Rate limit reached for requests. (loopback)"),
    "spent": (
        429,
        "insufficient_quota",
        "insufficient_quota",
        None,
        "You exceeded your current quota, please check your plan and billing details. (loopback)",
    ),
    "internal": (500, "server_error", None, None, "The server had an error while processing your request. (loopback)"),
    "overloaded": (503, "server_error", None, None, "The engine is currently overloaded, please try again later."),
}


def write_refusal(refused: RefusedError) -> Refusal:
    """See `Wire`. The wait stands in two headers and in the message's words."""
    status, kind, code, parameter, usual = USUAL[refused.why]
    error: Body = {"message": refused.message or usual, "type": kind, "param": parameter, "code": code}
    if refused.wait_s is None or refused.why == "spent":
        return Refusal(status, {"error": error})
    if refused.place in (None, "body"):
        error["message"] += f" Please try again in {refused.wait_s:g}s."
    if refused.place == "body":  # as Google's servers do that speak this format
        error["details"] = [retry_info(refused.wait_s)]
    return Refusal(status, {"error": error}, wait_headers(refused, ("retry-after", "retry-after-ms")))
