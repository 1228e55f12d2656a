"""Each refusal becomes the one of the engine's errors that leads to the right next step."""

import traceback

import pytest

from tasks.asking.provider import (
    CandidatesRefusedError,
    DailyQuotaError,
    NoCreditError,
    QuestionRejectedError,
    TryAgainError,
)

KEY = "sk-made-up-0123456789wxyz"


def error(message: str = "no", **more: object) -> dict:
    return {"error": {"message": message, "type": None, "param": None, "code": None} | more}


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (429, "insufficient_quota", "insufficient_quota"),
        (429, "insufficient_quota", "credit_balance_exhausted"),
        (429, None, "project_spend_limit_exceeded"),
        (403, "billing_not_active", None),
        (402, None, None),
    ],
)
def test_an_account_without_credit_stops_the_run_whatever_wait_comes_with_it(fail_with, status, kind, code):
    match = rf"{status} .*exceeded your current quota"
    body = error("You exceeded your current quota.", type=kind, code=code)
    fail_with(status, body, NoCreditError, match, {"Retry-After": "1"})


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit reached for gpt-audio on requests per day (RPD): Limit 200. Please try again in 7m12s.",
        "Rate limit reached on tokens per day (TPD)",
    ],
)
def test_429_for_the_day_is_the_daily_quota_whatever_wait_comes_with_it(fail_with, message):
    fail_with(429, error(message, code="rate_limit_exceeded"), DailyQuotaError, "429 .*per day")


def test_googles_quota_of_the_day_stands_in_the_details(fail_with):
    details = [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}, {"retryDelay": "9s"}]
    fail_with(429, [error("Quota exceeded", details=details)], DailyQuotaError, "429 Quota exceeded")


def test_a_question_larger_than_a_minutes_tokens_is_rejected_alone(fail_with):
    message = "Request too large for gpt-audio on tokens per min (TPM): Limit 30000, Requested 40000."
    assert not fail_with(429, error(message), QuestionRejectedError, "429 Request too large").for_all


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504, 529])
def test_a_server_in_trouble_is_asked_again_when_it_says_and_the_others_go_on(fail_with, status):
    trouble = fail_with(status, error("overloaded"), TryAgainError, f"{status} overloaded", {"Retry-After": "7"})
    assert (trouble.wait_s, trouble.limited, trouble.may_be_paid) == (7, False, False)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("<html>Bad\ngateway</html>", "502 <html>Bad gateway</html>"),
        ("", "^502"),
        ("[]", "502"),
        ("null", "502"),
        ({"error": "overloaded"}, "502 overloaded"),
        ({"detail": "from a framework"}, "502 from a framework"),
        ({"object": "error", "message": "an older server's", "code": 502}, "502 an older server's"),
        (error("odd details", details=["one", {"retryDelay": 3}]), "502 odd details"),
        (error("odd kinds", type=["x"], code={"y": 1}, param=[2]), "502 .*odd kinds"),
    ],
)
def test_an_error_body_of_any_shape_is_understood_by_its_status(fail_with, body, match):
    assert fail_with(502, body, TryAgainError, match).wait_s is None


@pytest.mark.parametrize(
    ("status", "message", "param"),
    [
        (401, "Incorrect API key provided", None),
        (403, "Country, region, or territory not supported", None),
        (404, "The model `qwen` does not exist", None),
        (400, "Unsupported value: 'temperature'", "temperature"),
        (400, "invalid model ID", "model"),
        (400, "At most 0 audio(s) may be provided in one prompt.", None),
        (400, "Qwen3-8B is not a multimodal model", None),
    ],
)
def test_a_bad_key_an_unknown_model_or_a_wrong_setting_is_the_same_for_every_question(
    fail_with, status, message, param
):
    assert fail_with(status, error(message, param=param), QuestionRejectedError, f"{status} {message[:15]}").for_all


@pytest.mark.parametrize("status", [400, 413, 422])
def test_another_client_error_is_this_questions_own(fail_with, status):
    rejected = fail_with(status, error("too long", param="messages"), QuestionRejectedError, f"{status} too long")
    assert not rejected.for_all


def test_a_model_that_takes_no_schema_is_told_with_the_setting_that_helps(fail_with):
    message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
    assert fail_with(400, error(message), QuestionRejectedError, "Set `structured: false` for this model").for_all


def test_an_unknown_path_asks_whether_the_address_is_right(fail_with):
    match = r"404 Not Found\. Is the base_url right\? It usually ends in /v1"
    assert fail_with(404, {"detail": "Not Found"}, QuestionRejectedError, match).for_all


def test_a_server_that_wants_a_key_and_got_none_is_told_with_the_setting_that_helps(fail_with):
    match = r"401 Unauthorized\. No key was sent: name its variable in `api_key_env`"
    assert fail_with(401, {"error": "Unauthorized"}, QuestionRejectedError, match, key=None).for_all


@pytest.mark.parametrize(
    "body",
    [
        error("Unsupported value", param="n"),
        error("'n' must be 1 with this model. Only the default (1) value is supported."),
        {"object": "error", "message": "n must be 1 when using greedy sampling, got 3.", "code": 400},
        error("Only one candidate can be specified"),
        {"detail": [{"loc": ["body", "n"], "msg": "Input should be less than or equal to 1"}]},
    ],
    ids=["param", "openai", "vllm", "google", "fastapi"],
)
def test_a_model_that_gives_one_candidate_only_says_so(fail_with, body):
    fail_with(400, body, CandidatesRefusedError, "400", draws=(0, 1, 2))


def test_a_single_draw_is_no_candidate_that_could_be_refused(fail_with):
    fail_with(400, error("Unsupported value", param="n"), QuestionRejectedError, "400")


def test_another_error_of_a_call_for_several_draws_is_not_about_their_number(fail_with):
    fail_with(
        400,
        error("The audio is not in a format that can be read"),
        QuestionRejectedError,
        "400 The audio",
        draws=(0, 1),
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503])
@pytest.mark.parametrize("shown", [KEY, "sk-made-***********wxyz"])
def test_no_error_tells_the_key_even_where_the_server_repeats_it(fail_with, status, shown):
    failed = fail_with(status, error(f"Incorrect API key provided: {shown}."), Exception, rf"{status} .*\[key\]")
    everything = "".join(traceback.format_exception(failed, chain=True))
    assert "sk-made" not in everything
    assert "wxyz" not in everything
