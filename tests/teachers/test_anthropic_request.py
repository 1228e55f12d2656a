"""What the official SDK really sends for one draw of one clip."""

import pytest

from tasks.asking.provider import QuestionRejectedError, TryAgainError
from tasks.asking.reading import answer_schema
from tasks.teachers.loopback.server import running_server
from tasks.teachers.prompts import prompt_text
from tests.teachers.asking_claude import CLASSES, KEY, TEXT, ask, error_of, message_of


@pytest.fixture
def sent(recorder):
    """The body that is sent for one question."""
    recorder.will_reply(message_of())

    def send(**settings) -> dict:
        ask(recorder.url, **settings)
        [request] = recorder.requests
        return request.body

    return send


def test_it_goes_to_the_messages_endpoint(sent, recorder):
    sent()
    assert recorder.requests[0].path == "/v1/messages?"


def test_the_key_goes_into_a_header_and_nowhere_else(sent, recorder):
    sent()
    [request] = recorder.requests
    assert request.headers.pop("authorization") == f"Bearer {KEY}"
    assert "made-up" not in repr(request)


def test_the_text_about_the_clip_comes_first_and_the_prompt_second(sent):
    blocks = [{"type": "text", "text": text} for text in (TEXT, prompt_text("text-v1", CLASSES))]
    assert sent()["messages"] == [{"role": "user", "content": blocks}]


@pytest.mark.parametrize("answer", ["distribution", "label"])
def test_the_answer_is_asked_for_by_a_schema_that_allows_nothing_else(sent, answer):
    schema = answer_schema(CLASSES, answer) | {"additionalProperties": False}
    assert sent(answer=answer)["output_config"] == {"format": {"type": "json_schema", "schema": schema}}


def test_no_sampling_setting_is_sent(sent):
    assert set(sent()) == {"model", "max_tokens", "messages", "output_config", "thinking"}


def test_the_model_and_the_longest_answer_are_sent(sent):
    body = sent(model="claude-sonnet-4-6", max_output_tokens=99)
    assert (body["model"], body["max_tokens"]) == ("claude-sonnet-4-6", 99)


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("claude-haiku-5-5", {"type": "disabled"}),
        ("claude-sonnet-5", {"type": "disabled"}),
        ("claude-opus-5", {"type": "disabled"}),
        ("claude-sonnet-5-5", {"type": "between_tools"}),
        ("claude-haiku-4-5", None),
        ("claude-opus-4-8", None),
        ("a-model-of-tomorrow", None),
    ],
)
def test_a_model_that_thinks_by_default_is_told_not_to_in_its_own_way(sent, model, thinking):
    """Thoughts are paid as output. Models that do not think by themselves are sent nothing they might refuse."""
    assert sent(model=model).get("thinking") == thinking


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-fable-5-1", "claude-mythos-5"])
def test_a_model_that_cannot_be_kept_from_thinking_is_told_to_think_little(sent, model):
    body = sent(model=model)
    assert "thinking" not in body
    assert body["output_config"]["effort"] == "low"


def test_a_question_with_audio_is_refused_before_it_is_sent(recorder):
    message = "Claude models hear nothing and read a text about the clip; the question holds audio"
    with pytest.raises(QuestionRejectedError, match=message):
        ask(recorder.url, text=None, audio=b"some audio")
    assert recorder.requests == []


@pytest.mark.parametrize("text", [None, ""])
def test_a_question_about_nothing_is_refused_before_it_is_sent(recorder, text):
    with pytest.raises(QuestionRejectedError, match="the question holds neither audio nor text"):
        ask(recorder.url, text=text)
    assert recorder.requests == []


def test_the_sdk_does_not_ask_again_by_itself(recorder):
    """Retries within retries multiply, and the SDK's own obey any wait without an upper bound."""
    recorder.will_reply(error_of("overloaded_error"), 529)
    with pytest.raises(TryAgainError):
        ask(recorder.url)
    assert len(recorder.requests) == 1


def test_the_loopback_server_answers_it():
    with running_server() as server:
        answer = ask(server.url)
    assert answer.refusal is None
    assert server.answered == 1
