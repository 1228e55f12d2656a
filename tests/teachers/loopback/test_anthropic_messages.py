"""Anthropic's official SDK gets real answers about texts over real HTTP, and audio is refused as Anthropic does."""

import asyncio
import json

import anthropic
import pytest

from tasks.teachers.loopback.judge import judge_deviations
from tasks.teachers.text_proxy import describe, levels_of

CLASSES = ["angry", "happy", "neutral", "sad"]
LOUD = "- Volume: very loud\n- Pitch movement: very lively\n- Tone colour: very bright\n- Voice: breathy or hoarse"
QUIET = "- Volume: very quiet\n- Pitch movement: almost flat\n- Tone colour: very dull\n- Speaking rate: very slow"


def create(server, **asked):
    async def ask():
        async with anthropic.AsyncAnthropic(api_key="k", base_url=server.url, max_retries=0) as client:
            return await client.messages.create(**{"model": "m", "max_tokens": 100} | asked)

    return asyncio.run(ask())


def user(*blocks):
    return [{"role": "user", "content": list(blocks)}]


def judged(server, ask_anthropic, text):
    """Without noise: the SDK knows no temperature, but the wire has one."""
    return json.loads(ask_anthropic(server.url, text=text, extra_body={"temperature": 0}).text)


def test_an_excited_voice_in_words_is_judged_angrier_than_a_dull_one(server, ask_anthropic):
    loud, quiet = judged(server, ask_anthropic, LOUD), judged(server, ask_anthropic, QUIET)
    assert loud["angry"] > quiet["angry"] + 0.3
    assert quiet["sad"] > loud["sad"] + 0.3


def test_the_words_that_the_proxy_writes_are_read_back(server, ask_anthropic, voice):
    text = describe(["prosody"], voice(150), None)
    likeliest = CLASSES[int(judge_deviations(levels_of(text), CLASSES).argmax())]
    answer = judged(server, ask_anthropic, text)
    assert max(answer, key=answer.__getitem__) == likeliest


def test_description_and_prompt_can_be_blocks_of_their_own(server, schema_of):
    config = {"format": {"type": "json_schema", "schema": schema_of()}}
    blocks = [{"type": "text", "text": LOUD}, {"type": "text", "text": "How?"}]
    reply = create(server, messages=user(*blocks), output_config=config)
    assert list(json.loads(reply.content[0].text)) == CLASSES
    assert (reply.stop_reason, reply.role, reply.type) == ("end_turn", "assistant", "message")


def test_usage_counts_the_text(server, ask_anthropic):
    assert ask_anthropic(server.url, text="x" * 400).input_tokens == 100


def test_without_a_schema_the_classes_are_those_of_the_prompt(server):
    text = "The emotions to choose from are: angry, sad."
    assert list(json.loads(create(server, messages=user({"type": "text", "text": text})).content[0].text)) == [
        "angry",
        "sad",
    ]


def test_one_label_is_answered_where_the_schema_asks_for_it(server, schema_of):
    config = {"format": {"type": "json_schema", "schema": schema_of(CLASSES, "label")}}
    reply = create(server, messages=[{"role": "user", "content": "?"}], output_config=config)
    assert json.loads(reply.content[0].text)["label"] in CLASSES


def test_an_answer_longer_than_allowed_is_cut(server, ask_anthropic):
    told = ask_anthropic(server.url, max_tokens=5)
    assert (len(told.text), told.ending) == (20, "max_tokens")


def test_an_audio_block_gets_anthropics_own_400(server):
    audio = {"type": "audio", "source": {"type": "base64", "media_type": "audio/wav", "data": "AAAA"}}
    with pytest.raises(
        anthropic.BadRequestError, match=r"messages\.0\.content\.0: Input tag 'audio' found using 'type'"
    ):
        create(server, messages=user(audio))


def test_max_tokens_is_required(server, post):
    body = b'{"messages": [{"role": "user", "content": "?"}]}'
    code, error = post(f"{server.url}/v1/messages", body, {"x-api-key": "k"})
    assert (code, error) == (400, {"type": "invalid_request_error", "message": "max_tokens: Field required"})


def test_a_schema_must_be_closed(server):
    config = {
        "format": {"type": "json_schema", "schema": {"type": "object", "properties": {"sad": {"type": "number"}}}}
    }
    with pytest.raises(anthropic.BadRequestError, match="'additionalProperties' must be explicitly set to false"):
        create(server, messages=user({"type": "text", "text": "?"}), output_config=config)


@pytest.mark.parametrize("headers", [{"x-api-key": "k"}, {"Authorization": "Bearer k", "x-api-key": ""}])
def test_either_header_may_hold_the_key(server, headers):
    text = {"type": "text", "text": "The emotions to choose from are: angry, sad."}
    assert create(server, messages=user(text), extra_headers=headers).content


def test_a_request_without_a_key_gets_a_401(server, post):
    code, error = post(f"{server.url}/v1/messages", b"{}", {})
    assert (code, error["type"]) == (401, "authentication_error")
    assert error["message"] == "x-api-key header is required"


def test_no_message_gets_a_400(server):
    with pytest.raises(anthropic.BadRequestError, match="at least one message is required"):
        create(server, messages=[])
