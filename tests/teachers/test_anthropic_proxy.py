"""`kind: anthropic`: a model that reads about a clip, with its key, its thinking and what decides its answers."""

import asyncio
import subprocess
import sys

import pytest
from anthropic.types import Model
from pydantic import ValidationError

from tasks.asking.limits import LimitSettings
from tasks.asking.money import price_list
from tasks.contracts.errors import KeyMissingError
from tasks.teachers.anthropic_proxy import AnthropicSettings
from tests.teachers.asking_claude import CLASSES, message_of, question_of, settings_of

NAMES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def ask_once(**settings: object) -> object:
    teacher = settings_of(**settings)
    with teacher.connect(CLASSES) as provider:
        return asyncio.run(provider.ask(question_of(teacher)))


def test_it_reads_and_hears_nothing():
    assert (settings_of().hears, settings_of().reads) == ("text proxy", ("prosody",))


@pytest.mark.parametrize(
    ("given", "reads"),
    [
        (["transcript"], ("transcript",)),
        (["transcript", "prosody"], ("prosody", "transcript")),
        (["prosody", "transcript"], ("prosody", "transcript")),
        (["prosody", "prosody"], ("prosody",)),
    ],
)
def test_what_it_is_told_of_is_a_setting_whose_order_does_not_matter(given: list[str], reads: tuple[str, ...]):
    assert settings_of(reads=given).reads == reads


@pytest.mark.parametrize(
    ("given", "message"),
    [([], "must name prosody, transcript or both: a Claude model hears nothing"), (["audio"], "'transcript' or 'pros")],
)
def test_it_cannot_be_told_of_nothing_or_of_the_audio_itself(given: list[str], message: str):
    with pytest.raises(ValidationError, match=message):
        settings_of(reads=given)


@pytest.mark.parametrize("setting", [{"temperature": 0.6}, {"temperature": 0}, {"seed": 0}])
def test_a_sampling_setting_is_a_mistake_that_says_so(setting: dict[str, float]):
    [name] = setting
    with pytest.raises(ValidationError, match=rf"{name}\n.*Claude models take none.* Take this line away"):
        settings_of(**setting)


def test_a_setting_that_nobody_knows_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        settings_of(top_p=0.9)


def test_its_prompt_speaks_of_reading_unless_another_is_asked_for():
    assert settings_of().prompt == ("text-v1",)
    assert settings_of().asked(CLASSES)[0]["prompt"].startswith("You will read a description of how a person spoke")
    assert settings_of(answer="label").prompt == ("text-label-v1",)
    assert settings_of(prompt="emotion-v1").prompt == ("emotion-v1",)


def test_what_it_is_told_of_decides_an_answer():
    assert settings_of().asked(CLASSES) != settings_of(reads=["prosody", "transcript"]).asked(CLASSES)
    assert settings_of().fingerprint() != settings_of(reads=["prosody", "transcript"]).fingerprint()


def test_the_fingerprint_names_settings_as_the_file_does():
    """So that `mifuse status` says which line has changed."""
    assert settings_of(reads=["transcript"]).fingerprint()["reads"] == ["transcript"]
    assert settings_of(max_output_tokens=99).fingerprint()["max_output_tokens"] == 99


def test_the_version_of_the_words_decides_an_answer():
    assert settings_of().asked(CLASSES)[0]["proxy"] == {"reads": ["prosody"], "version": 1}


def test_the_longest_answer_and_the_model_decide_an_answer():
    usual = settings_of().asked(CLASSES)
    assert settings_of(max_output_tokens=99).asked(CLASSES) != usual
    assert settings_of(model="claude-sonnet-5-5").asked(CLASSES) != usual


def test_limits_and_ceilings_decide_no_answer():
    changed = settings_of(max_cost_usd=3, min_answered=0.5, timeout_s=1, batch={"deadline_h": 2})
    assert changed.asked(CLASSES) == settings_of().asked(CLASSES)
    assert changed.fingerprint() == settings_of().fingerprint()


def test_there_is_one_question_per_prompt():
    asked = settings_of(prompt=["text-v1", "emotion-v1"]).asked(CLASSES)
    assert [question["prompt"][:13] for question in asked] == ["You will read", "You will hear"]


def test_a_model_that_thinks_has_room_for_its_thoughts_and_its_answer():
    assert settings_of().max_output_tokens == 1024
    assert settings_of(model="claude-opus-5-5").max_output_tokens == 8192
    assert settings_of(model="claude-opus-5-5", max_output_tokens=99).max_output_tokens == 99


def test_the_usual_model_is_one_that_the_sdk_knows():
    known = Model.__args__[0].__args__
    assert settings_of().model in known


def test_every_priced_claude_model_is_one_that_the_sdk_knows():
    known = Model.__args__[0].__args__
    priced = {model for model in price_list() if model.startswith("claude-")}
    assert len(priced) > 10
    assert priced <= set(known)


def test_the_usual_model_has_a_price_and_batches_cost_half_of_it():
    price = price_list()[settings_of().model]
    assert price.in_batches().output == price.output / 2
    assert price.audio_input == price.text_input


def test_a_missing_key_says_which_variable_to_set_and_what_needs_none():
    message = r"claude-haiku-5-5: no API key\. Set ANTHROPIC_API_KEY, or use `kind: simulated` to try without one\."
    with pytest.raises(KeyMissingError, match=message) as caught:
        settings_of().check_ready(CLASSES)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("key", ["", " \n"])
def test_an_empty_key_is_a_missing_one(monkeypatch: pytest.MonkeyPatch, key: str):
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    with pytest.raises(KeyMissingError, match="no API key"), settings_of().connect(CLASSES):
        pass


def test_a_key_that_is_none_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-one\nsk-ant-two")
    with pytest.raises(KeyMissingError, match="holds characters that no key has") as caught:
        settings_of().check_ready(CLASSES)
    assert "sk-ant" not in str(caught.value)


def test_the_key_is_taken_from_the_environment_without_its_lines_end(recorder, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", recorder.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-from-a-file\n")
    recorder.will_reply(message_of())
    ask_once()
    assert recorder.requests[0].headers["authorization"] == "Bearer sk-ant-from-a-file"


def test_another_key_of_the_environment_is_not_sent(recorder, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", recorder.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-mine")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "sk-ant-of-other-work")
    recorder.will_reply(message_of())
    ask_once()
    assert "of-other-work" not in repr(recorder.requests)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_server_on_this_machine_is_not_looked_for_behind_a_proxy(recorder, monkeypatch, variable):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", recorder.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-mine")
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    recorder.will_reply(message_of())
    ask_once()
    assert len(recorder.requests) == 1


def test_importing_the_settings_does_not_import_the_sdk():
    code = "import sys, tasks.teachers.anthropic_proxy; sys.exit('anthropic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_settings_can_be_made_without_a_file():
    assert AnthropicSettings(limits=LimitSettings()).prompt == ("text-v1",)
