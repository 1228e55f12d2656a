"""Each failure becomes the one of the engine's three errors that leads to the right next step."""

import socket

import pytest

from tasks.asking.provider import DailyQuotaError, QuestionRejectedError, TryAgainError
from tasks.teachers.loopback.server import running_server


@pytest.fixture
def fail(ask_gemini, tone_flac):
    """The error of one question to a loopback server with these faults."""

    def ask(faults: str, kind: type[Exception], match: str, **settings):
        with running_server(faults=faults) as server, pytest.raises(kind, match=match) as caught:
            ask_gemini(server.url, audio=tone_flac, **settings)
        return caught.value

    return ask


@pytest.fixture
def fail_with(ask_gemini, recorder):
    """The error of one question that is answered with this status and body."""

    def ask(status: int, body: object, kind: type[Exception], match: str, headers: dict[str, str] | None = None):
        recorder.will_reply(body, status, headers)
        with pytest.raises(kind, match=match) as caught:
            ask_gemini(recorder.url)
        return caught.value

    return ask


def error(code: int, message: str = "no", **more: object) -> dict:
    return {"error": {"code": code, "message": message} | more}


def test_429_waits_as_long_as_the_body_says_and_holds_back_everyone(fail):
    error = fail("429@retry_s=45.8", TryAgainError, "429 RESOURCE_EXHAUSTED You exceeded your current quota")
    assert (error.wait_s, error.limited) == (45.8, True)


def test_429_for_the_day_is_the_daily_quota_whatever_wait_comes_with_it(fail):
    fail("429-daily@retry_s=1", DailyQuotaError, "429 RESOURCE_EXHAUSTED")


@pytest.mark.parametrize(("fault", "match"), [("500", "500 INTERNAL"), ("503", "503 UNAVAILABLE .*overloaded")])
def test_a_server_in_trouble_is_asked_again_and_the_others_go_on(fail, fault, match):
    error = fail(fault, TryAgainError, match)
    assert (error.wait_s, error.limited) == (None, False)


def test_an_answer_that_takes_too_long_is_asked_for_again(fail):
    error = fail("slow@seconds=5", TryAgainError, "no answer within 0.3 s", timeout_s=0.3)
    assert error.wait_s is None


def test_a_refused_connection_is_tried_again(ask_gemini):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # taken and not listening: connections are refused
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(TryAgainError, match=r"ConnectError: .*failed") as caught:
            ask_gemini(url)
    assert not caught.value.limited


def test_audio_that_the_server_cannot_read_is_rejected_alone(ask_gemini):
    with (
        running_server() as server,
        pytest.raises(QuestionRejectedError, match=r"400 INVALID_ARGUMENT .*no audio that can be decoded") as caught,
    ):
        ask_gemini(server.url, audio=b"not a recording")
    assert not caught.value.for_all


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "API key not valid. Please pass a valid API key"),
        (401, "Request had invalid authentication credentials"),
        (403, "Your API key was reported as leaked"),
        (404, "models/gemini-0 is not found for API version v1"),
    ],
)
def test_a_bad_key_or_an_unknown_model_is_the_same_for_every_question(fail_with, status, message):
    assert fail_with(status, error(status, message), QuestionRejectedError, f"{status}.*{message}").for_all


@pytest.mark.parametrize("status", [400, 413, 422])
def test_another_client_error_is_this_questions_own(fail_with, status):
    assert not fail_with(status, error(status, "too long"), QuestionRejectedError, f"{status}.*too long").for_all


def test_a_time_out_that_the_server_reports_is_tried_again(fail_with):
    fail_with(408, error(408), TryAgainError, "408")


def test_the_wait_may_be_in_a_header(fail_with):
    assert fail_with(429, error(429), TryAgainError, "429", {"Retry-After": "7"}).wait_s == 7


def test_the_bodys_wait_is_taken_before_the_headers(fail_with):
    body = error(429, details=[{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "6.5s"}])
    assert fail_with(429, body, TryAgainError, "429", {"Retry-After": "7"}).wait_s == 6.5


def test_a_503_may_name_its_wait_too(fail_with):
    error_503 = fail_with(503, error(503), TryAgainError, "503", {"Retry-After": "7"})
    assert (error_503.wait_s, error_503.limited) == (7, False)


@pytest.mark.parametrize("when", ["Wed, 21 Oct 2026 07:28:00 GMT", "1.2.3", "-1", "soon", "."])
def test_a_wait_that_is_no_number_of_seconds_is_none(fail_with, when):
    assert fail_with(429, error(429), TryAgainError, "429", {"Retry-After": when}).wait_s is None


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("<html>Bad gateway</html>", "502 .*Bad gateway"),
        ("", "502"),
        ({"error": "overloaded"}, "502"),
        ([{"error": {"code": 502, "message": "in a list"}}], "502 .*in a list"),
        (error(502, "no details", details=None), "502 .*no details"),
        (error(502, "odd details", details=["one", {"retryDelay": 3}]), "502 .*odd details"),
    ],
)
def test_an_error_body_of_any_shape_is_understood_by_its_status(fail_with, body, match):
    fail_with(502, body, TryAgainError, match)


@pytest.mark.parametrize(
    "body",
    [
        "<html>Please log in</html>",
        '{"candidates": [{"content"',
        '{"candidates": [{"content": {"parts": [{"text": 5}]}}]}',
    ],
)
def test_a_200_that_is_no_reply_of_geminis_is_tried_again(fail_with, body):
    fail_with(200, body, TryAgainError, "the reply could not be read")


def test_no_error_tells_the_key(fail_with, recorder):
    for status in (400, 403, 429, 503):
        kind = TryAgainError if status in (429, 503) else QuestionRejectedError
        assert "AIza-made-up" not in repr(fail_with(status, error(status), kind, str(status)))
