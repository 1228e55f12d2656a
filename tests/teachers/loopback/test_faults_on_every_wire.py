"""Each fault as each official asynchronous SDK sees it."""

import json
import math

import anthropic
import httpx2
import openai
import pytest

from tasks.asking.reading import UnparsableError, read_answer
from tasks.teachers.loopback.server import running_server

CLASSES = ["angry", "happy", "neutral", "sad"]


@pytest.fixture
def told_with(caller):
    """Asks a server that has these faults, once."""

    def ask_once(faults, **changes):
        with running_server(faults=faults) as server:
            return caller.ask(server.url, **changes)

    return ask_once


@pytest.fixture
def error_with(caller, told_with):
    """The error that the SDK raises."""

    def catch(faults, **changes):
        with pytest.raises(caller.error) as caught:
            told_with(faults, **changes)
        return caught.value

    return catch


def headers_of(error):
    return {name: value for name, value in error.response.headers.items() if name.startswith("retry")}


def body_of(error):
    return json.dumps(getattr(error, "body", None) or error.details)


def status_of(error):
    return error.response.status_code


def test_without_a_fault_the_answer_is_good(caller, told_with):
    told = told_with(None)
    assert read_answer(told.text, CLASSES)
    assert (told.ending, told.version) == (caller.endings[0], "simulated-prosody-1")
    assert min(told.input_tokens, told.output_tokens) > 0


def test_a_429_tells_the_wait_where_the_provider_does(caller, error_with):
    error = error_with("429@retry_s=1.5")
    usual = {
        "gemini": {},
        "openai": {"retry-after": "2", "retry-after-ms": "1500"},
        "anthropic": {"retry-after": "2"},
    }
    assert (status_of(error), headers_of(error)) == (429, usual[caller.name])
    assert ("1.5s" in body_of(error)) == (caller.name != "anthropic")


@pytest.mark.parametrize(
    ("place", "headers", "is_in_body"),
    [
        ("body", {}, True),
        ("retry-after", {"retry-after": "2"}, False),
        ("retry-after-ms", {"retry-after-ms": "1500"}, False),
    ],
)
def test_the_wait_can_be_told_in_another_place(error_with, place, headers, is_in_body):
    error = error_with(f"429@retry_s=1.5@where={place}")
    assert headers_of(error) == headers
    assert ('"retryDelay": "1.5s"' in body_of(error)) == is_in_body


def test_the_wait_can_be_a_date(error_with):
    assert headers_of(error_with("429@where=date"))["retry-after"].endswith(" GMT")


def test_a_spent_quota_is_told_in_the_providers_words(caller, error_with):
    status, words = {
        "gemini": (429, "GenerateRequestsPerDayPerProjectPerModel"),
        "openai": (429, "insufficient_quota"),
        "anthropic": (400, "credit balance is too low"),
    }[caller.name]
    error = error_with("429-daily")
    assert status_of(error) == status
    assert words in body_of(error)


@pytest.mark.parametrize("name", ["500", "503"])
def test_server_errors_have_the_providers_status(caller, error_with, name):
    is_anthropic_overloaded = (caller.name, name) == ("anthropic", "503")
    assert status_of(error_with(name)) == (529 if is_anthropic_overloaded else int(name))


def test_safety_is_a_refusal_that_is_paid(caller, told_with):
    told = told_with("safety")
    assert (told.text, told.ending) == (None, caller.endings[1])
    assert told.input_tokens > 0


def test_max_tokens_is_cut_off_before_the_first_word(caller, told_with):
    told = told_with("max_tokens")
    assert not told.text
    assert told.ending == caller.endings[2]


def test_version_names_another_model(told_with):
    assert told_with("version").version == "simulated-prosody-1-changed"


def test_version_changes_from_a_request_on(caller):
    with running_server(faults="version@after=2") as server:
        versions = [caller.ask(server.url).version for _ in range(4)]
    assert [version.endswith("-changed") for version in versions] == [False, False, True, True]


def test_reset_breaks_the_connection_in_the_middle_of_the_body(caller):
    # google-genai lets its transport's own error through
    errors = {"gemini": httpx2.TransportError, "openai": openai.APIConnectionError}
    broken = errors.get(caller.name, anthropic.APIConnectionError)
    with running_server(faults="reset*1") as server:
        with pytest.raises(broken):
            caller.ask(server.url)
        assert server.answered == 1
        assert caller.ask(server.url).text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("truncated_json", "JSON"),
        ("unparsable", "JSON"),
        ("wrong_classes", "curious"),
        ("negative", "-0.5"),
        ("nan", "nan"),
        ("sum7", "sum to (6.9|7)|expected"),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_reader(told_with, name, message):
    text = told_with(name).text
    with pytest.raises(UnparsableError, match=message):
        read_answer(text, CLASSES)


def test_sum7_sums_to_7(told_with):
    assert math.fsum(json.loads(told_with("sum7").text).values()) == pytest.approx(7, abs=0.15)


def test_percent_sums_to_100(told_with):
    assert sum(json.loads(told_with("percent").text).values()) == pytest.approx(100, abs=2)


def test_label_case_writes_the_classes_in_capitals(told_with):
    assert list(json.loads(told_with("label_case").text)) == ["ANGRY", "HAPPY", "NEUTRAL", "SAD"]


def test_synonyms_calls_the_classes_otherwise(told_with):
    assert list(json.loads(told_with("synonyms").text)) == ["Anger", "Joyful", "Neutral", "Sadness"]
