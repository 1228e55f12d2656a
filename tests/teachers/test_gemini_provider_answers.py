"""Each 200 becomes the answer that was paid, refused ones and empty ones included."""

import json

import pytest

from tasks.asking.provider import TryAgainError
from tasks.asking.reading import UnparsableError, read_answer
from tasks.teachers.loopback.server import running_server

CLASSES = ["angry", "happy", "neutral", "sad"]


@pytest.fixture
def ask_spoilt(ask_gemini, tone_flac):
    """One question to a loopback server with these faults."""

    def ask(faults: str | None = None, **settings):
        with running_server(faults=faults) as server:
            return ask_gemini(server.url, audio=tone_flac, **settings)

    return ask


def test_an_answer_holds_the_text_who_wrote_it_and_what_was_used(recorder, ask_gemini, gemini_reply):
    recorder.will_reply(gemini_reply("some text"))
    answer = ask_gemini(recorder.url)
    assert (answer.text, answer.refusal, answer.model_version) == ("some text", None, "gemini-2.5-flash-001")
    assert (answer.input_tokens, answer.output_tokens) == (120, 40)


def test_the_loopback_servers_answer_is_a_distribution(ask_spoilt):
    answer = ask_spoilt()
    assert sum(read_answer(answer.text, CLASSES)) == pytest.approx(1)
    assert answer.model_version == "simulated-prosody-1"
    assert answer.input_tokens > 32 < answer.input_tokens + answer.output_tokens


def test_json_in_a_fence_with_prose_around_it_is_read_all_the_same(ask_spoilt):
    spoilt, plain = ask_spoilt("prose", seed=1), ask_spoilt(seed=1)
    assert spoilt.text != plain.text
    assert read_answer(spoilt.text, CLASSES) == read_answer(plain.text, CLASSES)


@pytest.mark.parametrize("fault", ["truncated_json", "unparsable"])
def test_an_answer_that_holds_no_distribution_is_an_answer_and_no_refusal(ask_spoilt, fault):
    answer = ask_spoilt(fault)
    assert answer.refusal is None
    assert answer.text
    with pytest.raises(UnparsableError):
        read_answer(answer.text, CLASSES)


def test_a_safety_refusal_says_so_and_was_paid(ask_spoilt):
    answer = ask_spoilt("safety")
    assert (answer.text, answer.refusal) == ("", "finish_reason SAFETY")
    assert answer.input_tokens > 0


def test_an_answer_that_ran_out_of_tokens_before_its_first_word_is_empty_and_no_refusal(ask_spoilt):
    answer = ask_spoilt("max_tokens")
    assert (answer.text, answer.refusal) == ("", None)
    with pytest.raises(UnparsableError, match="the answer is empty"):
        read_answer(answer.text, CLASSES)


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "OTHER"])
def test_any_other_way_to_finish_is_a_refusal_that_keeps_the_text(recorder, ask_gemini, gemini_reply, reason):
    candidate = {"content": {"parts": [{"text": '{"angry": 1'}]}, "finishReason": reason}
    recorder.will_reply(gemini_reply(candidates=[candidate]))
    answer = ask_gemini(recorder.url)
    assert (answer.text, answer.refusal) == ('{"angry": 1', f"finish_reason {reason}")


def test_a_blocked_prompt_is_a_refusal_with_the_reason(recorder, ask_gemini, gemini_reply):
    recorder.will_reply(gemini_reply(candidates=None, promptFeedback={"blockReason": "PROHIBITED_CONTENT"}))
    assert ask_gemini(recorder.url).refusal == "blocked: PROHIBITED_CONTENT"


def test_thoughts_are_no_part_of_the_text_but_are_paid_as_output(recorder, ask_gemini, gemini_reply):
    parts = [{"text": "loud and high", "thought": True}, {"text": '{"angry":'}, {"text": " 1}"}]
    usage = {"promptTokenCount": 120, "candidatesTokenCount": 40, "thoughtsTokenCount": 300}
    recorder.will_reply(gemini_reply(candidates=[{"content": {"parts": parts}}], usageMetadata=usage))
    answer = ask_gemini(recorder.url)
    assert (answer.text, answer.output_tokens) == ('{"angry": 1}', 340)


def test_an_answer_without_usage_has_unknown_counts_and_not_zero(recorder, ask_gemini, gemini_reply):
    recorder.will_reply(gemini_reply(usageMetadata=None))
    answer = ask_gemini(recorder.url)
    assert (answer.input_tokens, answer.output_tokens) == (None, None)


@pytest.mark.parametrize("body", ["", "{}", "[]", "null"])
def test_a_reply_without_candidate_reason_or_usage_is_no_answer(recorder, ask_gemini, body):
    """A broken proxy: nothing was judged and nothing was paid, so nothing may be kept as a refusal."""
    recorder.will_reply(body)
    with pytest.raises(TryAgainError):
        ask_gemini(recorder.url)


def test_half_a_character_at_the_end_does_not_make_a_text_that_no_file_can_hold(recorder, ask_gemini, gemini_reply):
    """An answer cut in the middle of an emoji: JSON can say it, UTF-8 cannot."""
    recorder.will_reply(json.dumps(gemini_reply("angry \ud83d")))
    assert ask_gemini(recorder.url).text.encode("utf-8").startswith(b"angry ")
