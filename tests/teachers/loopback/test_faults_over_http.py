"""Each fault as the official SDK sees it."""

import json
import time

import pytest
from google.genai import errors, types

from tasks.teachers.loopback.server import running_server


@pytest.fixture
def ask_with(ask, flac):
    """Asks a server that has these faults."""

    def ask_once(faults: str, **config):
        with running_server(faults=faults) as server:
            return ask(server, flac, **config)

    return ask_once


def details_of(error: errors.APIError) -> dict[str, dict]:
    return {each["@type"].rsplit(".", 1)[1]: each for each in error.details["error"]["details"]}


def test_429_puts_the_wait_into_the_body(ask_with):
    with pytest.raises(errors.ClientError, match="429 RESOURCE_EXHAUSTED") as caught:
        ask_with("429@retry_s=45.8")
    assert details_of(caught.value)["RetryInfo"]["retryDelay"] == "45.8s"
    assert "PerDay" not in str(caught.value)
    assert "retry-after" not in caught.value.response.headers


def test_429_can_send_the_header_too(ask_with):
    with pytest.raises(errors.ClientError) as caught:
        ask_with("429@retry_s=1.5@header=1")
    assert caught.value.response.headers["retry-after"] == "2"


def test_429_daily_names_a_quota_per_day(ask_with):
    with pytest.raises(errors.ClientError, match="429 RESOURCE_EXHAUSTED") as caught:
        ask_with("429-daily")
    assert "PerDay" in details_of(caught.value)["QuotaFailure"]["violations"][0]["quotaId"]


@pytest.mark.parametrize(("name", "status"), [("500", "INTERNAL"), ("503", "UNAVAILABLE")])
def test_server_errors_are_server_errors(ask_with, name, status):
    with pytest.raises(errors.ServerError, match=f"{name} {status}"):
        ask_with(name)


def test_slow_answers_late_but_well(ask_with):
    start = time.monotonic()
    assert json.loads(ask_with("slow@seconds=0.4").text)
    assert time.monotonic() - start >= 0.4


def test_safety_is_a_refusal_without_content_that_is_paid(ask_with):
    response = ask_with("safety")
    assert response.candidates[0].finish_reason == types.FinishReason.SAFETY
    assert response.text is None
    assert response.usage_metadata.prompt_token_count > 0


def test_max_tokens_is_an_empty_text(ask_with):
    response = ask_with("max_tokens")
    assert response.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert not response.text


def test_truncated_json_breaks_off(ask_with):
    text = ask_with("truncated_json").text
    assert text.startswith('{"angry"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_prose_keeps_the_json_in_a_code_fence(ask_with, server, ask, flac):
    text = ask_with("prose", seed=1).text
    assert json.loads(text.split("```")[1].removeprefix("json")) == json.loads(ask(server, flac, seed=1).text)
    assert not text.startswith("{")


def test_unparsable_holds_no_json(ask_with):
    assert "{" not in ask_with("unparsable").text


def test_every_candidate_is_spoilt(ask_with):
    response = ask_with("unparsable", candidate_count=3)
    assert all("{" not in each.content.parts[0].text for each in response.candidates)
