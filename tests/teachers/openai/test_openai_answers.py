"""Each 200 becomes the answers that were paid, refused ones and empty ones included."""

import json

import pytest

from tasks.asking.provider import Answer, TryAgainError


def test_an_answer_holds_the_text_who_wrote_it_and_what_was_used(ask_recorded):
    assert ask_recorded() == [Answer("some text", None, "qwen-1", 120, 40, 70)]


def test_candidates_are_answers_in_their_order_whose_tokens_sum_to_the_calls(recorder, ask_recorded, openai_reply):
    reply = openai_reply("first", "second", "third")
    reply["choices"].reverse()
    recorder.will_reply(reply)
    answers = ask_recorded(draws=(0, 1, 2))
    assert [answer.text for answer in answers] == ["first", "second", "third"]
    assert [answer.input_tokens for answer in answers] == [120, 0, 0]
    assert [answer.audio_tokens for answer in answers] == [70, 0, 0]
    assert [answer.output_tokens for answer in answers] == [14, 13, 13]


def test_fewer_candidates_than_draws_are_fewer_answers(ask_recorded):
    assert len(ask_recorded(draws=(0, 1, 2))) == 1


def test_more_candidates_than_draws_are_not_kept(recorder, ask_recorded, openai_reply):
    recorder.will_reply(openai_reply("first", "second"))
    [answer] = ask_recorded()
    assert (answer.text, answer.output_tokens) == ("first", 40)


def test_a_refusal_is_told_in_the_models_words(recorder, ask_recorded, openai_reply):
    message = {"content": None, "refusal": "I can't help\nwith that."}
    recorder.will_reply(openai_reply(choices=[{"index": 0, "message": message, "finish_reason": "stop"}]))
    [answer] = ask_recorded()
    assert (answer.text, answer.refusal) == ("", "I can't help with that")


def test_a_filtered_answer_is_a_refusal_that_keeps_the_text(recorder, ask_recorded, openai_reply):
    choice = {"index": 0, "message": {"content": '{"angry"'}, "finish_reason": "content_filter"}
    recorder.will_reply(openai_reply(choices=[choice]))
    [answer] = ask_recorded()
    assert (answer.text, answer.refusal) == ('{"angry"', "finish_reason content_filter")


@pytest.mark.parametrize(("content", "text"), [(None, ""), ("", ""), ('{"ang', '{"ang')])
def test_an_answer_that_ran_out_of_tokens_is_an_answer_and_no_refusal(
    recorder, ask_recorded, openai_reply, content, text
):
    recorder.will_reply(openai_reply(choices=[{"message": {"content": content}, "finish_reason": "length"}]))
    [answer] = ask_recorded()
    assert (answer.text, answer.refusal, answer.output_tokens) == (text, None, 40)


def test_no_choice_that_was_paid_for_is_a_refusal(recorder, ask_recorded, openai_reply):
    recorder.will_reply(openai_reply())
    [answer] = ask_recorded()
    assert (answer.text, answer.refusal, answer.input_tokens) == ("", "finish_reason no choice", 120)


def test_an_answer_without_usage_has_unknown_counts_and_not_zero(recorder, ask_recorded, openai_reply):
    recorder.will_reply(openai_reply("text", usage=None))
    [answer] = ask_recorded()
    assert (answer.input_tokens, answer.output_tokens, answer.audio_tokens) == (None, None, None)


def test_a_server_that_does_not_count_audio_apart_leaves_it_unknown(recorder, ask_recorded, openai_reply):
    recorder.will_reply(openai_reply("text", usage={"prompt_tokens": 5, "completion_tokens": 3}))
    [answer] = ask_recorded()
    assert (answer.input_tokens, answer.audio_tokens) == (5, None)


def test_half_a_character_at_the_end_does_not_make_a_text_that_no_file_can_hold(recorder, ask_recorded, openai_reply):
    """An answer cut in the middle of an emoji: JSON can say it, UTF-8 cannot."""
    recorder.will_reply(json.dumps(openai_reply("angry \ud83d")))
    [answer] = ask_recorded()
    assert answer.text.encode("utf-8").startswith(b"angry ")


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("<html>Please log in</html>", "Expecting value"),
        ("", "Expecting value"),
        ('{"choices": [{"message"', "Expecting"),
        ("[]", "the whole: Input should be a valid dictionary"),
        ('{"choices": [{"message": {"content": 5}}]}', "choices.0.message.content: Input should be a valid string"),
        ('{"choices": [{}]}', "choices.0.message: Field required"),
        ("[" * 100_000, "recursion|Expecting"),
        (b'\xff{"choices": []}', "utf-8"),
    ],
)
def test_a_200_that_is_no_chat_completion_may_have_been_paid_and_is_asked_again(recorder, ask_recorded, body, match):
    recorder.will_reply(body)
    with pytest.raises(TryAgainError, match=f"the reply could not be read: .*({match})") as caught:
        ask_recorded()
    assert caught.value.may_be_paid


@pytest.mark.parametrize("body", ["{}", '{"choices": []}', '{"choices": null, "usage": {"prompt_tokens": 0}}'])
def test_a_reply_without_choice_or_usage_is_no_answer_and_was_not_paid(recorder, ask_recorded, body):
    recorder.will_reply(body)
    with pytest.raises(TryAgainError, match="the reply holds no answer") as caught:
        ask_recorded()
    assert not caught.value.may_be_paid


def test_an_error_in_a_200_is_told(recorder, ask_recorded):
    """As routers in front of several providers send it."""
    recorder.will_reply({"error": {"code": 502, "message": "upstream is out"}})
    with pytest.raises(TryAgainError, match=r"the reply holds no answer\. .*upstream is out"):
        ask_recorded()
