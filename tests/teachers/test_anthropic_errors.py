"""Each failure becomes the one of the engine's errors that leads to the right next step."""

import socket

import pytest

from tasks.asking.provider import NoCreditError, QuestionRejectedError, TryAgainError
from tasks.teachers.loopback.server import running_server
from tests.teachers.asking_claude import KEY, ask, error_of


@pytest.fixture
def fail():
    """The error of one question to a loopback server with these faults."""

    def ask_there(faults: str, kind: type[Exception], match: str, **settings):
        with running_server(faults=faults) as server, pytest.raises(kind, match=match) as caught:
            ask(server.url, **settings)
        return caught.value

    return ask_there


@pytest.fixture
def fail_with(recorder):
    """The error of one question that is answered with this status and body."""

    def ask_there(status: int, body: object, kind: type[Exception], match: str, headers: dict[str, str] | None = None):
        recorder.will_reply(body, status, headers)
        with pytest.raises(kind, match=match) as caught:
            ask(recorder.url)
        return caught.value

    return ask_there


def test_429_waits_as_long_as_the_header_says_and_holds_back_everyone(fail_with):
    error = fail_with(429, error_of("rate_limit_error", "slow down"), TryAgainError, "slow down", {"retry-after": "46"})
    assert (error.wait_s, error.limited, error.may_be_paid) == (46, True, False)


def test_429_without_a_wait_names_none(fail_with):
    assert fail_with(429, error_of("rate_limit_error"), TryAgainError, "429 rate_limit_error").wait_s is None


def test_the_loopback_servers_429_is_one(fail):
    error = fail("429@retry_s=7", TryAgainError, "429 rate_limit_error")
    assert (error.wait_s, error.limited) == (7, True)


def test_an_overloaded_server_is_asked_again_and_the_others_go_on(fail):
    error = fail("503", TryAgainError, "529 overloaded_error Overloaded")
    assert (error.wait_s, error.limited, error.may_be_paid) == (None, False, False)


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504, 529])
def test_a_server_in_trouble_is_asked_again_after_the_wait_that_it_names(fail_with, status):
    error = fail_with(status, error_of("api_error", "in trouble"), TryAgainError, "in trouble", {"retry-after": "3"})
    assert (error.wait_s, error.limited) == (3, False)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, error_of("billing_error", "Your payment failed")),
        (429, error_of("rate_limit_error", "Monthly", details={"error_code": "enforced_spend_limit_reached"})),
        (400, error_of("invalid_request_error", "Your credit balance is too low to access the Anthropic API.")),
        (400, error_of("invalid_request_error", "You have reached your specified API usage limits. Until 2026-12-01")),
        (400, error_of("invalid_request_error", "You have reached your specified workspace API usage limits.")),
    ],
    ids=["billing", "spend limit", "credit", "own limit", "workspace's limit"],
)
def test_an_account_with_nothing_left_to_spend_stops_the_run(fail_with, status, body):
    """Four ways to say it; asking again would never help."""
    fail_with(status, body, NoCreditError, f"{status} ")


def test_the_loopback_servers_spent_credit_stops_the_run(fail):
    fail("429-daily", NoCreditError, "credit balance is too low")


def test_an_answer_that_takes_too_long_is_asked_for_again_and_may_be_paid(fail):
    error = fail("slow@seconds=5", TryAgainError, "no answer within 0.3 s", timeout_s=0.3)
    assert (error.wait_s, error.may_be_paid) == (None, True)


def test_a_connection_that_breaks_in_the_middle_of_the_answer_may_be_paid(fail):
    assert fail("reset", TryAgainError, "Error").may_be_paid


def test_a_refused_connection_is_tried_again_and_was_not_paid():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # taken and not listening: connections are refused
        with pytest.raises(TryAgainError, match=r"ConnectError: .*failed") as caught:
            ask(f"http://127.0.0.1:{free.getsockname()[1]}")
    assert (caught.value.limited, caught.value.may_be_paid) == (False, False)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, "authentication_error", "invalid x-api-key"),
        (403, "permission_error", "Your API key does not have permission"),
        (404, "not_found_error", "model: claude-haiku-0"),
    ],
)
def test_a_bad_key_or_an_unknown_model_is_the_same_for_every_question(fail_with, status, kind, message):
    assert fail_with(status, error_of(kind, message), QuestionRejectedError, f"{status} {kind} {message}").for_all


@pytest.mark.parametrize("status", [400, 413, 422])
def test_another_client_error_is_this_questions_own(fail_with, status):
    error = fail_with(status, error_of("invalid_request_error", "too long"), QuestionRejectedError, "too long")
    assert not error.for_all


@pytest.mark.parametrize(
    "body", ["<html>Bad gateway</html>", "", "[1]", {"error": "down"}, {"error": {"details": ["odd"]}}, {"error": None}]
)
def test_an_error_body_of_any_shape_is_understood_by_its_status(fail_with, body):
    fail_with(502, body, TryAgainError, "502")


def test_a_page_of_a_proxy_is_told_but_not_at_length(fail_with):
    error = fail_with(502, f"<html>Bad gateway{' again' * 500}</html>", TryAgainError, "502 .*Bad gateway")
    assert len(str(error)) < 320


@pytest.mark.parametrize("status", [400, 401, 429, 502])
def test_no_error_tells_the_key_even_where_the_server_does(fail_with, status):
    kind = TryAgainError if status in (429, 502) else QuestionRejectedError
    error = fail_with(status, error_of("some_error", f"wrong key {KEY}"), kind, r"wrong key \[key\]")
    chain = [error, error.__cause__, error.__context__ if not error.__suppress_context__ else None]
    assert KEY not in repr([(each, vars(each)) for each in chain if each])
