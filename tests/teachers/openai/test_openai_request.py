"""What the official SDK really sends for one draw of one clip."""

import asyncio
import base64
import io

import numpy as np
import pytest
import soundfile

from tasks.asking.provider import Question, QuestionRejectedError, TryAgainError
from tasks.asking.reading import answer_schema
from tasks.storage.audio import read_audio

CLASSES = ["angry", "happy", "neutral", "sad"]
KEY = "sk-made-up-0123456789wxyz"
MODEL = "Qwen/Qwen2.5-Omni-7B"


@pytest.fixture
def sent(recorder, ask_recorded):
    """The body of the request for one question."""

    def ask_once(**question) -> dict:
        ask_recorded(**question)
        return recorder.requests[-1].body

    return ask_once


def sound_of(body: dict) -> tuple[bytes, str]:
    audio = body["messages"][0]["content"][0]["input_audio"]
    return base64.b64decode(audio["data"]), audio["format"]


def test_the_key_goes_into_a_header_and_nowhere_else(recorder, ask_recorded):
    ask_recorded()
    [request] = recorder.requests
    assert request.headers.pop("authorization") == f"Bearer {KEY}"
    assert KEY not in repr(request)


@pytest.mark.parametrize(
    ("mime_type", "name"),
    [("audio/wav", "wav"), ("audio/x-wav", "wav"), ("audio/mp3", "mp3"), ("audio/mpeg", "mp3")],
)
def test_wav_and_mp3_arrive_byte_for_byte(sent, mime_type, name):
    audio = bytes(range(256)) * 9
    assert sound_of(sent(audio=audio, mime_type=mime_type)) == (audio, name)


def test_flac_arrives_as_16_bit_wav_of_the_same_sound(sent, tone_flac):
    wav, name = sound_of(sent(audio=tone_flac, mime_type="audio/flac"))
    facts = soundfile.info(io.BytesIO(wav))
    assert (name, facts.format, facts.subtype, facts.samplerate, facts.channels) == ("wav", "WAV", "PCM_16", 16_000, 1)
    np.testing.assert_allclose(read_audio(wav), read_audio(tone_flac), rtol=0, atol=1 / 32768)


def test_stereo_of_another_rate_arrives_as_16_khz_mono(sent, write_tone, tmp_path):
    ogg = write_tone(tmp_path / "tone.ogg", rate_hz=44_100, channels=2).read_bytes()
    facts = soundfile.info(io.BytesIO(sound_of(sent(audio=ogg, mime_type="audio/ogg"))[0]))
    assert (facts.samplerate, facts.channels, facts.duration) == (16_000, 1, pytest.approx(1, abs=0.01))


def test_audio_that_cannot_be_turned_into_wav_is_rejected_alone_and_not_sent(recorder, ask_recorded):
    with pytest.raises(QuestionRejectedError, match="the audio cannot be turned into WAV: Format not") as caught:
        ask_recorded(audio=b"not a recording", mime_type="audio/flac")
    assert not caught.value.for_all
    assert recorder.requests == []


def test_the_prompt_follows_the_sound(sent):
    [message] = sent()["messages"]
    assert message["role"] == "user"
    assert [part["type"] for part in message["content"]] == ["input_audio", "text"]
    assert message["content"][1]["text"] == "How does it sound?"


def test_model_temperature_and_text_as_the_only_output_are_sent(sent):
    body = sent(temperature=0)
    assert (body["model"], body["temperature"], body["modalities"]) == (MODEL, 0, ["text"])


def test_the_schema_is_enforced_strictly_where_the_model_allows_it(sent):
    enforced = sent()["response_format"]["json_schema"]
    assert enforced["strict"] is True
    assert enforced["schema"] == answer_schema(CLASSES) | {"additionalProperties": False}


def test_the_schema_is_that_of_a_label_where_a_label_is_asked_for(sent):
    enforced = sent(answer="label")["response_format"]["json_schema"]
    assert enforced["schema"]["properties"] == answer_schema(CLASSES, "label")["properties"]


def test_no_schema_is_sent_where_the_model_refuses_one(sent):
    assert "response_format" not in sent(model="gpt-audio-1.5")


def test_other_servers_are_told_the_most_tokens_by_the_name_that_they_all_know(sent):
    body = sent(max_output_tokens=77)
    assert body["max_tokens"] == 77
    assert "max_completion_tokens" not in body


def test_openai_is_told_the_most_tokens_by_its_own_name(openai_provider):
    request = openai_provider("", base_url="https://api.openai.com/v1").request_for((0,))
    assert request["max_completion_tokens"] == 1024
    assert "max_tokens" not in request


def test_no_seed_is_sent_unless_one_is_set(sent):
    assert "seed" not in sent(draws=(4,))


@pytest.mark.parametrize(("seed", "draw"), [(0, 0), (7, 4)])
def test_draw_k_is_sent_the_seed_plus_k(sent, seed, draw):
    assert sent(draws=(draw,), seed=seed)["seed"] == seed + draw


def test_one_candidate_is_asked_for_without_saying_so(sent):
    assert "n" not in sent()


def test_several_draws_are_asked_for_as_candidates(sent):
    assert sent(draws=(2, 3, 4))["n"] == 3


def test_the_sdk_does_not_ask_again_by_itself(recorder, ask_recorded):
    """Retries within retries multiply."""
    recorder.will_reply({"error": {"message": "overloaded"}}, 503)
    with pytest.raises(TryAgainError):
        ask_recorded()
    assert len(recorder.requests) == 1


def test_one_question_after_the_other_goes_over_the_same_connection(recorder, openai_provider, openai_reply):
    recorder.will_reply(openai_reply("text"))
    provider = openai_provider(recorder.url)

    async def ask_twice() -> None:
        for draw in range(2):
            await provider.ask(Question("?", (draw,), b"audio", "audio/wav"))
        await provider.close()

    asyncio.run(ask_twice())
    assert len({request.from_port for request in recorder.requests}) == 1


def test_a_provider_can_be_asked_again_in_another_event_loop(recorder, openai_provider, openai_reply):
    recorder.will_reply(openai_reply("text"))
    provider = openai_provider(recorder.url)
    for draw in range(2):
        asyncio.run(provider.ask(Question("?", (draw,), b"audio", "audio/wav")))
    assert len(recorder.requests) == 2
