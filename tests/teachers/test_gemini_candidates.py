"""Several candidates of one call: the clip is paid once, and every candidate is a draw."""

import pytest

from tasks.asking.provider import CandidatesRefusedError, QuestionRejectedError
from tasks.asking.reading import read_answer
from tests.teachers.asking_gemini import CLASSES, do, listening, question_of


def ask(url, audio, draws=(0, 1, 2), **settings):
    return do(url, lambda provider: provider.ask(question_of(audio, draws)), **settings)


@pytest.fixture(scope="module")
def three(tone_flac):
    with listening() as server:
        return ask(server.url, tone_flac, temperature=2), server.requests


def test_one_call_brings_an_answer_per_draw(three):
    answers, requests = three
    assert len(requests) == 1
    assert len(answers) == 3
    for answer in answers:
        assert sum(read_answer(answer.text, CLASSES)) == pytest.approx(1)


def test_they_are_drawn_independently(three):
    assert len({answer.text for answer in three[0]}) > 1


def test_the_first_carries_the_input_of_the_call_and_the_others_none(three):
    sent = [(answer.input_tokens > 0, answer.audio_tokens > 0) for answer in three[0]]
    assert sent == [(True, True), (False, False), (False, False)]


def test_the_output_of_the_call_is_shared_among_them_without_a_rest(recorder, gemini_reply):
    candidates = [{"content": {"parts": [{"text": text}]}} for text in "abc"]
    usage = {"promptTokenCount": 120, "candidatesTokenCount": 40, "thoughtsTokenCount": 10}
    recorder.will_reply(gemini_reply(candidates=candidates, usageMetadata=usage))
    answers = ask(recorder.url, b"some audio")
    assert [answer.output_tokens for answer in answers] == [17, 17, 16]
    assert [answer.text for answer in answers] == ["a", "b", "c"]


def test_the_request_names_their_number_and_the_first_draws_seed(recorder):
    ask(recorder.url, b"some audio", draws=(4, 5), seed=10)
    [request] = recorder.requests
    config = request.body["generationConfig"]
    assert (config["candidateCount"], config["seed"]) == (2, 14)


def test_fewer_than_asked_for_are_what_they_are(recorder):
    assert len(ask(recorder.url, b"some audio")) == 1


def test_more_than_asked_for_are_left(recorder, gemini_reply):
    candidates = [{"content": {"parts": [{"text": text}]}} for text in "abcd"]
    recorder.will_reply(gemini_reply(candidates=candidates))
    assert [answer.text for answer in ask(recorder.url, b"some audio", draws=(0, 1))] == ["a", "b"]


def test_each_has_its_own_end(recorder, gemini_reply):
    refused = {"finishReason": "SAFETY", "index": 1}
    usual = gemini_reply()["candidates"]
    recorder.will_reply(gemini_reply(candidates=[*usual, refused]))
    refusals = [answer.refusal for answer in ask(recorder.url, b"some audio", draws=(0, 1))]
    assert refusals == [None, "finish_reason SAFETY"]


def test_a_prompt_that_is_blocked_is_one_refusal(recorder, gemini_reply):
    recorder.will_reply(gemini_reply(candidates=None, promptFeedback={"blockReason": "PROHIBITED_CONTENT"}))
    [answer] = ask(recorder.url, b"some audio")
    assert answer.refusal == "blocked: PROHIBITED_CONTENT"


@pytest.mark.parametrize("said", ["Multiple candidates is not enabled for this model", "candidateCount: must be 1"])
def test_a_model_that_gives_one_only_says_so_with_a_400(recorder, said):
    recorder.will_reply({"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}, status=400)
    with pytest.raises(CandidatesRefusedError, match="400 INVALID_ARGUMENT"):
        ask(recorder.url, b"some audio")


def test_another_400_is_about_the_question(recorder):
    body = {"error": {"code": 400, "message": "Unable to process input audio", "status": "INVALID_ARGUMENT"}}
    recorder.will_reply(body, status=400)
    with pytest.raises(QuestionRejectedError, match="Unable to process input audio"):
        ask(recorder.url, b"some audio")


def test_where_the_server_tells_which_input_was_audio_it_is_told_apart(recorder, gemini_reply):
    details = [{"modality": "TEXT", "tokenCount": 90}, {"modality": "AUDIO", "tokenCount": 30}]
    usage = {"promptTokenCount": 120, "candidatesTokenCount": 40, "promptTokensDetails": details}
    recorder.will_reply(gemini_reply(usageMetadata=usage))
    [answer] = ask(recorder.url, b"some audio", draws=(0,))
    assert (answer.input_tokens, answer.audio_tokens) == (120, 30)


def test_where_it_does_not_tell_the_share_of_audio_is_unknown_and_not_zero(recorder):
    [answer] = ask(recorder.url, b"some audio", draws=(0,))
    assert (answer.input_tokens, answer.audio_tokens) == (120, None)
