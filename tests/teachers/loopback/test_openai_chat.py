"""OpenAI's official SDK gets real answers over real HTTP, and the server says no as OpenAI does."""

import asyncio
import base64
import json

import openai
import pytest

from tasks.teachers.loopback.server import running_server

LINE = "The emotions to choose from are: angry, sad.\nAnswer with JSON."
HOW = {"type": "text", "text": "How?"}


@pytest.fixture
def sound(flac):
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(flac).decode(), "format": "wav"}}


def saying(*parts):
    return [{"role": "user", "content": list(parts)}]


def complete(server, **asked):
    async def create():
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client:
            return await client.chat.completions.create(model="m", **asked)

    return asyncio.run(create())


def form_of(schema, **named):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema} | named}


def test_the_same_clip_prompt_and_seed_are_judged_alike_on_every_wire_that_hears(server, ask_openai, ask, flac):
    assert ask_openai(server.url, audio=flac, seed=5).text == ask(server, flac, prompt="How?", seed=5).text


def test_usage_counts_ten_audio_tokens_per_second(server, sound, schema_of):
    usage = complete(server, messages=saying(sound, HOW), response_format=form_of(schema_of())).usage
    assert (usage.prompt_tokens, usage.prompt_tokens_details.audio_tokens) == (11, 10)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_several_choices_are_several_draws(server, sound, schema_of):
    asked = {"messages": saying(sound), "response_format": form_of(schema_of()), "seed": 0, "temperature": 2}
    choices = complete(server, n=8, **asked).choices
    assert [choice.index for choice in choices] == [*range(8)]
    assert len({choice.message.content for choice in choices}) > 1


def test_one_label_is_answered_where_the_schema_asks_for_it(server, sound, schema_of):
    form = form_of(schema_of(["angry", "sad"], "label"), strict=True)
    answer = json.loads(complete(server, messages=saying(sound), response_format=form).choices[0].message.content)
    assert answer in ({"label": "angry"}, {"label": "sad"})


def test_labels_are_sampled(server, sound, schema_of):
    form = form_of(schema_of(answer="label"))
    choices = complete(server, messages=saying(sound), response_format=form, n=8, seed=0, temperature=2).choices
    assert len({choice.message.content for choice in choices}) > 1


def test_without_a_schema_the_classes_are_those_of_the_prompt(server, sound):
    reply = complete(server, messages=saying(sound, {"type": "text", "text": LINE}))
    assert list(json.loads(reply.choices[0].message.content)) == ["angry", "sad"]


def test_without_a_schema_a_prompt_that_speaks_of_a_label_gets_one(server, sound):
    reply = complete(server, messages=saying(sound, {"type": "text", "text": LINE + ' Like {"label": "sad"}.'}))
    assert list(json.loads(reply.choices[0].message.content)) == ["label"]


def test_an_answer_longer_than_allowed_is_cut(server, sound, schema_of):
    form = form_of(schema_of())
    [choice] = complete(server, messages=saying(sound), response_format=form, max_completion_tokens=5).choices
    assert (len(choice.message.content), choice.finish_reason) == (20, "length")


def test_a_refusal_has_words(sound, schema_of):
    with running_server(faults="safety") as server:
        [choice] = complete(server, messages=saying(sound), response_format=form_of(schema_of())).choices
    assert choice.message.refusal == "I'm sorry, but I can't help with that."


def test_candidates_refuses_more_than_one_choice(sound, schema_of):
    with running_server(faults="candidates") as server:
        asked = {"messages": saying(sound), "response_format": form_of(schema_of())}
        with pytest.raises(openai.BadRequestError, match="'n' must be 1 with this model") as caught:
            complete(server, n=2, **asked)
        assert (caught.value.param, caught.value.code) == ("n", "unsupported_value")
        assert complete(server, **asked).choices


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([HOW], "requires that either input content or output modality contain audio"),
        ([{"type": "input_audio", "input_audio": {"data": "", "format": "flac"}}], "Invalid value: 'flac'"),
        ([{"type": "input_audio", "input_audio": {"data": "a*b", "format": "wav"}}], r"data is not base64"),
        (
            [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}] * 2,
            "one input_audio part, found 2",
        ),
        ([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}], "no audio that can be decoded"),
    ],
)
def test_parts_without_one_readable_clip_get_a_400(server, schema_of, parts, message):
    with pytest.raises(openai.BadRequestError, match=f"400.*{message}"):
        complete(server, messages=saying(*parts), response_format=form_of(schema_of()))


def test_a_strict_schema_must_be_closed(server, sound):
    form = form_of({"type": "object", "properties": {"angry": {"type": "number"}}}, strict=True)
    with pytest.raises(openai.BadRequestError, match="'additionalProperties' is required to be supplied"):
        complete(server, messages=saying(sound), response_format=form)


def test_neither_schema_nor_line_gets_a_400(server, sound):
    with pytest.raises(openai.BadRequestError, match="no response schema: name the classes"):
        complete(server, messages=saying(sound, HOW))


def test_a_request_without_a_key_gets_a_401(server, post):
    code, error = post(f"{server.url}/v1/chat/completions", b"{}", {"Authorization": "Bearer "})
    assert (code, error["type"]) == (401, "invalid_request_error")
    assert "You didn't provide an API key" in error["message"]


def test_another_path_gets_a_404_in_openais_shape(server):
    client = openai.OpenAI(api_key="k", base_url=f"{server.url}/v1/chat", max_retries=0)
    with pytest.raises(openai.NotFoundError, match=r"not served here\. Known: .*POST /v1/chat/completions"):
        client.models.list()
