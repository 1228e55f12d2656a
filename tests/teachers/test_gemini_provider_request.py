"""What the official SDK really sends for one draw of one clip."""

import asyncio

import pytest

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Question, TryAgainError
from tasks.asking.reading import answer_schema
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.gemini_provider import GeminiProvider
from tasks.teachers.prompts import prompt_text

CLASSES = ["angry", "happy", "neutral", "sad"]


def config_of(recorder) -> dict:
    [request] = recorder.requests
    return request.body["generationConfig"]


def test_the_model_is_in_the_path(recorder, ask_gemini):
    ask_gemini(recorder.url, model="gemini-2.5-pro")
    assert recorder.requests[0].path.endswith("/models/gemini-2.5-pro:generateContent?")


def test_the_key_goes_into_a_header_and_nowhere_else(recorder, ask_gemini):
    ask_gemini(recorder.url)
    [request] = recorder.requests
    assert request.headers.pop("x-goog-api-key") == "AIza-made-up-0123456789"
    assert "AIza-made-up" not in repr(request)


def test_the_audio_arrives_byte_for_byte_under_its_type_followed_by_the_prompt(recorder, ask_gemini):
    audio = bytes(range(256)) * 9
    ask_gemini(recorder.url, audio=audio)
    [request] = recorder.requests
    assert request.audio == audio
    sound, text = request.parts
    assert sound["inlineData"].get("mimeType", sound["inlineData"].get("mime_type")) == "audio/flac"
    assert text == {"text": prompt_text("emotion-v1", CLASSES)}


def test_the_answer_is_asked_for_as_json_by_the_schema_of_the_classes(recorder, ask_gemini):
    ask_gemini(recorder.url)
    config = config_of(recorder)
    assert config["responseMimeType"] == "application/json"
    assert config["responseJsonSchema"] == answer_schema(CLASSES)


def test_the_temperature_and_the_most_output_tokens_are_sent(recorder, ask_gemini):
    ask_gemini(recorder.url, temperature=1.3)
    config = config_of(recorder)
    assert (config["temperature"], config["maxOutputTokens"]) == (1.3, 1024)


def test_temperature_zero_is_sent_and_not_left_out(recorder, ask_gemini):
    ask_gemini(recorder.url, temperature=0)
    assert config_of(recorder)["temperature"] == 0


def test_no_seed_is_sent_unless_one_is_set(recorder, ask_gemini):
    ask_gemini(recorder.url, draw=4)
    assert "seed" not in config_of(recorder)


@pytest.mark.parametrize(("seed", "draw"), [(0, 0), (7, 4)])
def test_draw_k_is_sent_the_seed_plus_k(recorder, ask_gemini, seed, draw):
    ask_gemini(recorder.url, draw=draw, seed=seed)
    assert config_of(recorder)["seed"] == seed + draw


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-flash-preview-09-2025"])
def test_flash_2_5_is_told_not_to_think(recorder, ask_gemini, model):
    """Thinking is on by default and paid as output."""
    ask_gemini(recorder.url, model=model)
    thinking = config_of(recorder)["thinkingConfig"]
    assert list(thinking.values()) == [0]


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-flash"])
def test_models_that_may_refuse_a_thinking_budget_are_sent_none(recorder, ask_gemini, model):
    ask_gemini(recorder.url, model=model)
    assert "thinkingConfig" not in config_of(recorder)


def test_one_candidate_is_asked_for_at_a_time(recorder, ask_gemini):
    """Gemini 3 refuses more."""
    ask_gemini(recorder.url)
    assert config_of(recorder).get("candidateCount", 1) == 1


def test_the_sdk_does_not_ask_again_by_itself(recorder, ask_gemini):
    """Retries within retries multiply, and the SDK's own ignore the server's wish."""
    recorder.will_reply({"error": {"code": 503, "message": "overloaded"}}, 503)
    with pytest.raises(TryAgainError):
        ask_gemini(recorder.url)
    assert len(recorder.requests) == 1


def test_one_question_after_the_other_goes_over_the_same_connection(recorder):
    provider = GeminiProvider(GeminiSettings(limits=LimitSettings()), CLASSES, "k", recorder.url)

    async def ask_twice() -> None:
        for draw in range(2):
            await provider.ask(Question("?", (draw,), b"audio", "audio/wav"))

    asyncio.run(ask_twice())
    assert len(recorder.requests) == 2
    assert len({request.from_port for request in recorder.requests}) == 1


def test_a_provider_can_be_asked_again_in_another_event_loop(recorder):
    provider = GeminiProvider(GeminiSettings(limits=LimitSettings()), CLASSES, "k", recorder.url)
    for draw in range(2):
        asyncio.run(provider.ask(Question("?", (draw,), b"audio", "audio/wav")))
    assert len(recorder.requests) == 2
