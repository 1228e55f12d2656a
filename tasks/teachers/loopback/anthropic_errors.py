"""How refusals look in Anthropic's wire format."""

from __future__ import annotations

from tasks.teachers.loopback.wire import Body, Refusal, RefusedError, retry_info, wait_headers

# why → status, type, and Anthropic's own words where there are some
USUAL: dict[str, tuple[int, str, str]] = {
    "bad_request": (400, "invalid_request_error", "Invalid request."),
    "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
    "candidates": (400, "invalid_request_error", "n: Extra inputs are not permitted"),
    "missing_key": (401, "authentication_error", "x-api-key header is required"),
    "not_found": (404, "not_found_error", "Not found"),
    "too_many": (429, "rate_limit_error", "This request would exceed your account's rate limit. (loopback)"),
    "spent": (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. "
        "Please go to Plans & Billing to upgrade or purchase credits.",
    ),
    "internal": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
}


def write_refusal(refused: RefusedError) -> Refusal:
    """See `Wire`. The wait stands in a header; a spent credit names none."""
    status, kind, usual = USUAL[refused.why]
    error: Body = {"type": kind, "message": refused.message or usual}
    body: Body = {"type": "error", "error": error, "request_id": "req_loopback"}
    if refused.wait_s is None or refused.why == "spent":
        return Refusal(status, body)
    if refused.place == "body":
        error["details"] = [retry_info(refused.wait_s)]
    return Refusal(status, body, wait_headers(refused, ("retry-after",)))
