"""`kind: openai` finds its server and its key, and sends a key to nobody else."""

import asyncio

import pytest
from pydantic import ValidationError

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Question
from tasks.contracts.errors import KeyMissingError, SettingsError
from tasks.teachers.openai_compatible import OpenAISettings

CLASSES = ["angry", "happy", "neutral", "sad"]
REPLY = {"choices": [{"message": {"content": "{}"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


def settings(**changes) -> OpenAISettings:
    return OpenAISettings(**{"model": "gpt-audio-1.5", "limits": LimitSettings(timeout_s=30)} | changes)


@pytest.fixture
def sent_key(recorder):
    """The Authorization header that one question of a teacher with these settings comes with."""

    def ask(**changes) -> str | None:
        recorder.will_reply(REPLY)
        with settings(**changes).connect(CLASSES) as provider:

            async def ask_once() -> None:
                await provider.ask(Question("?", (0,), b"some audio", "audio/wav"))
                await provider.close()

            asyncio.run(ask_once())
        return recorder.requests[-1].headers.get("authorization")

    return ask


def test_a_model_must_be_named():
    """No default: the choice is one of price."""
    with pytest.raises(ValidationError, match=r"model\n.*Field required"):
        OpenAISettings()


def test_a_missing_key_says_which_variable_to_set_and_what_needs_none():
    message = (
        r"gpt-audio-1\.5: no API key\. Set OPENAI_API_KEY, or use `kind: simulated` to try without one; "
        r"a server of your own that needs no key is named in `base_url`\."
    )
    with pytest.raises(KeyMissingError, match=message) as caught:
        settings().check_ready(CLASSES)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("key", ["", " \n"])
def test_an_empty_key_is_a_missing_one(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(KeyMissingError, match="no API key"), settings().connect(CLASSES):
        pass


def test_a_key_that_is_named_and_not_set_is_missing_for_any_server():
    with pytest.raises(KeyMissingError, match=r"no API key\. Set OTHER_KEY,"):
        settings(base_url="https://example.org/v1", api_key_env="OTHER_KEY").check_ready(CLASSES)


def test_a_key_with_a_lines_end_inside_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "made\nup")
    with pytest.raises(KeyMissingError, match="OPENAI_API_KEY holds characters that no key has") as caught:
        settings().check_ready(CLASSES)
    assert "made" not in str(caught.value)


def test_a_server_of_ones_own_needs_no_key_and_is_sent_none(recorder, sent_key):
    assert sent_key(base_url=f"{recorder.url}/v1") is None


def test_openais_key_is_not_sent_to_another_server(recorder, sent_key, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "openai's")
    assert sent_key(base_url=f"{recorder.url}/v1") is None


def test_a_server_is_sent_the_key_whose_variable_is_named(recorder, sent_key, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "the-other\n")
    assert sent_key(base_url=f"{recorder.url}/v1", api_key_env="OTHER_KEY") == "Bearer the-other"


def test_the_environments_address_goes_with_the_environments_key(recorder, sent_key, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", f"{recorder.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    assert sent_key() == "Bearer a-key"


def test_the_environments_address_needs_no_key_where_it_is_not_openais(recorder, sent_key, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", f"{recorder.url}/v1")
    assert sent_key() is None


def test_the_settings_address_goes_before_the_environments(recorder, sent_key, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    sent_key(base_url=f"{recorder.url}/v1")
    assert recorder.requests[0].path == "/v1/chat/completions?"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_server_on_this_machine_is_reached_where_the_environment_has_a_proxy(
    recorder, sent_key, monkeypatch, variable
):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    sent_key(base_url=f"{recorder.url}/v1")
    assert len(recorder.requests) == 1


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://host/v1", "http://", "http://a b/v1", ""])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValidationError, match=r"is no address; expected one such as http://localhost:8000/v1"):
        settings(base_url=url)


def test_what_is_no_address_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:8000")
    with pytest.raises(SettingsError, match=r'OPENAI_BASE_URL: "localhost:8000" is no address'):
        settings().check_ready(CLASSES)


@pytest.mark.parametrize("url", ["https://user:made-up@host/v1", "https://host/v1?key=made-up"])
def test_a_key_in_the_address_is_refused_without_showing_it(url):
    with pytest.raises(ValidationError, match="the address must hold no key") as caught:
        settings(base_url=url)
    assert "made-up" not in str(caught.value)


def test_a_key_in_place_of_its_variables_name_is_refused_without_showing_it():
    with pytest.raises(ValidationError, match="must be the name of an environment variable") as caught:
        settings(api_key_env="sk-made-up")
    assert "made-up" not in str(caught.value)


def test_neither_the_address_nor_the_keys_name_decides_an_answer():
    usual, changed = settings(), settings(base_url="http://h/v1", api_key_env="OTHER_KEY", candidates_per_call=4)
    assert changed.fingerprint() == usual.fingerprint()
    assert changed.asked(CLASSES) == usual.asked(CLASSES)


@pytest.mark.parametrize(
    "change",
    [{"model": "gpt-audio"}, {"temperature": 1}, {"seed": 7}, {"max_output_tokens": 64}, {"structured": True}],
    ids=lambda change: next(iter(change)),
)
def test_how_an_answer_is_sampled_decides_it(change):
    usual, changed = settings(), settings(**change)
    assert changed.fingerprint() != usual.fingerprint()
    assert changed.asked(CLASSES) != usual.asked(CLASSES)


def test_saying_what_holds_anyway_is_no_other_question():
    assert settings(structured=False).asked(CLASSES) == settings().asked(CLASSES)


def test_a_question_is_told_by_prompt_text_and_schema():
    [asked] = settings().asked(CLASSES)
    assert set(asked) == {
        "kind", "model", "temperature", "seed", "max_output_tokens", "structured", "prompt", "schema"
    }  # fmt: skip
    assert asked["kind"] == "openai"


@pytest.mark.parametrize(
    ("model", "is_structured"),
    [
        ("gpt-audio", False),
        ("gpt-audio-mini-2025-12-15", False),
        ("gpt-4o-audio-preview", False),
        ("gpt-4o-mini-audio-preview", False),
        ("openai/gpt-audio-1.5", False),
        ("Qwen/Qwen2.5-Omni-7B", True),
    ],
)
def test_openais_models_for_audio_are_sent_no_schema_unless_told_to(model, is_structured):
    assert settings(model=model).is_structured == is_structured
    assert settings(model=model, structured=not is_structured).is_structured != is_structured


@pytest.mark.parametrize(
    ("url", "is_openai"),
    [
        (None, True),
        ("https://eu.api.openai.com/v1", True),
        ("http://localhost:8000/v1", False),
        ("https://notopenai.com/v1", False),
    ],
)
def test_openai_is_told_from_those_that_speak_as_it_does(url, is_openai):
    assert settings(base_url=url).is_openai == is_openai
