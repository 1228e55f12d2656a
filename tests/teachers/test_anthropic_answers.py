"""Each 200 becomes the answer that was paid, refused ones and empty ones included."""

import json

import pytest

from tasks.asking.provider import TryAgainError
from tasks.asking.reading import UnparsableError, read_answer
from tasks.teachers.loopback.server import running_server
from tests.teachers.asking_claude import CLASSES, KEY, ask, message_of


@pytest.fixture
def answer_to(recorder):
    """The answer that a reply becomes."""

    def answer(body: object):
        recorder.will_reply(body)
        return ask(recorder.url)

    return answer


def test_an_answer_holds_the_text_who_wrote_it_and_what_was_used(answer_to):
    answer = answer_to(message_of("some text"))
    assert (answer.text, answer.refusal, answer.model_version) == ("some text", None, "claude-haiku-5-5")
    assert (answer.input_tokens, answer.output_tokens, answer.audio_tokens) == (320, 40, 0)


def test_the_loopback_servers_answer_is_a_distribution():
    with running_server() as server:
        answer = ask(server.url)
    assert sum(read_answer(answer.text, CLASSES, "distribution", {})) == pytest.approx(1)


def test_a_refusal_says_so_and_was_paid(answer_to):
    body = message_of(content=[], stop_reason="refusal", stop_details={"type": "refusal", "category": "general_harms"})
    answer = answer_to(body)
    assert (answer.text, answer.refusal) == ("", "stop_reason refusal (general_harms)")
    assert answer.input_tokens == 320


def test_a_refusal_without_a_category_keeps_what_was_said(answer_to):
    answer = answer_to(message_of("I would rather not", stop_reason="refusal"))
    assert (answer.text, answer.refusal) == ("I would rather not", "stop_reason refusal")


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded", "stop_sequence", None])
def test_an_answer_that_was_cut_off_is_an_answer_and_no_refusal(answer_to, reason):
    answer = answer_to(message_of('{"angry": 0.', stop_reason=reason))
    assert (answer.text, answer.refusal) == ('{"angry": 0.', None)


def test_an_answer_that_ran_out_of_tokens_before_its_first_word_is_empty_and_no_refusal(answer_to):
    answer = answer_to(message_of(content=[], stop_reason="max_tokens"))
    assert (answer.text, answer.refusal) == ("", None)
    with pytest.raises(UnparsableError, match="the answer is empty"):
        read_answer(answer.text, CLASSES, "distribution", {})


@pytest.mark.parametrize("reason", ["pause_turn", "tool_use", "of_tomorrow"])
def test_any_other_way_to_finish_is_a_refusal(answer_to, reason):
    assert answer_to(message_of(stop_reason=reason)).refusal == f"stop_reason {reason}"


def test_thoughts_are_no_part_of_the_text_but_are_paid_as_output(answer_to):
    thought = {"type": "thinking", "thinking": "loud and high", "signature": "x", "text": "not this"}
    blocks = [thought, {"type": "text", "text": '{"angry":'}, {"type": "text", "text": " 1}"}]
    answer = answer_to(message_of(content=blocks, usage={"input_tokens": 320, "output_tokens": 340}))
    assert (answer.text, answer.output_tokens) == ('{"angry": 1}', 340)


def test_input_that_went_through_a_cache_counts_as_input(answer_to):
    usage = {"input_tokens": 20, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 200, "output_tokens": 1}
    assert answer_to(message_of(usage=usage)).input_tokens == 320


def test_an_answer_without_usage_has_unknown_counts_and_not_zero(answer_to):
    answer = answer_to(message_of(usage=None))
    assert (answer.input_tokens, answer.output_tokens) == (None, None)


def test_half_a_character_at_the_end_does_not_make_a_text_that_no_file_can_hold(answer_to):
    """An answer cut in the middle of an emoji: JSON can say it, UTF-8 cannot."""
    assert answer_to(json.dumps(message_of("angry \ud83d"))).text.encode("utf-8").startswith(b"angry ")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>Please log in</html>",
        '{"content": [{"type"',
        "[]",
        '{"content": "text"}',
        '{"content": [{"text": 5}]}',
    ],
)
def test_a_200_that_is_no_message_is_tried_again_and_may_be_paid(answer_to, body):
    with pytest.raises(TryAgainError, match="the reply could not be read") as caught:
        answer_to(body)
    assert caught.value.may_be_paid


def test_a_200_that_holds_an_error_is_no_answer_and_was_not_paid(answer_to):
    """A broken proxy: nothing was judged, so nothing may be kept as a refusal."""
    with pytest.raises(TryAgainError, match=r"the reply holds no answer.*upstream is down") as caught:
        answer_to({"error": {"message": f"upstream is down for {KEY}"}})
    assert not caught.value.may_be_paid
