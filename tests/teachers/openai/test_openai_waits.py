"""How long to leave the server alone, and whether a call without an answer may have been paid."""

import socket

import httpx2
import openai
import pytest

from tasks.asking.provider import TryAgainError
from tasks.teachers.openai_errors import lost


def error(message: str = "no", **more: object) -> dict:
    return {"error": {"message": message, "type": None, "param": None, "code": None} | more}


@pytest.mark.parametrize(
    ("headers", "message", "wait_s"),
    [
        ({"retry-after-ms": "250", "Retry-After": "1"}, "Please try again in 5s.", 0.25),
        ({"Retry-After": "7"}, "no", 7),
        ({}, "Limit 3, Used 3. Please try again in 6m12s. Visit the page.", 372),
        ({"x-ratelimit-reset-requests": "1m30s"}, "no", 90),
        ({"x-ratelimit-reset-requests": "250ms", "x-ratelimit-remaining-requests": "0"}, "no", 0.25),
        (
            {
                "x-ratelimit-remaining-requests": "499",
                "x-ratelimit-reset-requests": "120ms",
                "x-ratelimit-reset-tokens": "6s",
            },
            "Rate limit reached on tokens per min (TPM)",
            6,
        ),
        ({"Retry-After": "soon"}, "no", None),
        ({}, "no", None),
    ],
)
def test_429_waits_as_long_as_the_server_says_and_holds_back_everyone(fail_with, headers, message, wait_s):
    limited = fail_with(429, error(message, code="rate_limit_exceeded"), TryAgainError, "429 rate_limit", headers)
    assert (limited.wait_s, limited.limited, limited.may_be_paid) == (pytest.approx(wait_s), True, False)


def test_googles_server_of_this_kind_puts_the_wait_into_a_list(fail_with):
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.8s"}]
    body = [error("Quota exceeded for metric requests", code=429, details=details)]
    assert fail_with(429, body, TryAgainError, "429 .*Quota exceeded").wait_s == 45.8


def test_an_answer_that_takes_too_long_may_have_been_paid(ask_openai):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TryAgainError, match=r"no answer within 0\.2 s") as caught:
            ask_openai(url, timeout_s=0.2)
    assert (caught.value.may_be_paid, caught.value.wait_s) == (True, None)


@pytest.mark.parametrize("cause", [httpx2.ConnectTimeout, httpx2.PoolTimeout])
def test_a_connection_that_was_not_made_in_time_was_not_paid(cause):
    timed_out = openai.APITimeoutError(httpx2.Request("POST", "http://h/"))
    timed_out.__cause__ = cause("")
    again = lost(timed_out, timeout_s=5)
    assert (str(again), again.may_be_paid) == ("no connection within 5 s", False)


def test_a_refused_connection_was_not_paid(ask_openai):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # taken and not listening: connections are refused
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(TryAgainError, match=r"ConnectError: .*failed") as caught:
            ask_openai(url)
    assert (caught.value.may_be_paid, caught.value.limited) == (False, False)


def test_a_connection_that_breaks_in_the_middle_of_the_answer_may_have_been_paid(recorder, ask_openai):
    recorder.will_reply('{"choices": [', headers={"content-length": "1000"})
    with pytest.raises(TryAgainError, match="RemoteProtocolError: peer closed connection") as caught:
        ask_openai(recorder.url)
    assert caught.value.may_be_paid
