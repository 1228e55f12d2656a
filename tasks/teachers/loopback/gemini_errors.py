"""How refusals look in Gemini's wire format: error bodies with Google's details."""

from __future__ import annotations

from tasks.teachers.loopback.wire import Body, Refusal, RefusedError, retry_info, wait_headers

STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
OVER_QUOTA = "You exceeded your current quota, please check your plan and billing details. (loopback)"
# Google's own words, where there are some
USUAL: dict[str, tuple[int, str]] = {
    "bad_request": (400, "Request contains an invalid argument."),
    "too_large": (400, "Request payload size exceeds the limit."),
    "candidates": (400, "Multiple candidates is not enabled for this model"),
    "missing_key": (
        403,
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    ),
    "not_found": (404, "Requested entity was not found."),
    "too_many": (429, OVER_QUOTA),
    "spent": (429, OVER_QUOTA),
    "internal": (500, "An internal error has occurred. Please retry. (loopback)"),
    "overloaded": (503, "The model is overloaded. Please try again later. (loopback)"),
}
PER = {"too_many": "Minute", "spent": "Day"}


def write_refusal(refused: RefusedError) -> Refusal:
    """See `Wire`. The wait stands in the body, also with a quota per day, where obeying it is in vain."""
    status, usual = USUAL[refused.why]
    error: Body = {"code": status, "message": refused.message or usual, "status": STATUS[status]}
    details = [_quota_failure(PER[refused.why])] if refused.why in PER else []
    if refused.wait_s is not None and refused.place in (None, "body"):
        details.append(retry_info(refused.wait_s))
    return Refusal(status, {"error": error | ({"details": details} if details else {})}, wait_headers(refused, ()))


def _quota_failure(per: str) -> Body:
    metric = "generativelanguage.googleapis.com/generate_content_requests"
    violation = {"quotaMetric": metric, "quotaId": f"GenerateRequestsPer{per}PerProjectPerModel"}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
