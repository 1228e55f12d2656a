"""`kind: gemini` finds its key and its server."""

import asyncio

import pytest

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Question
from tasks.contracts.errors import KeyMissingError
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.loopback.server import running_server

CLASSES = ["angry", "happy", "neutral", "sad"]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(name, raising=False)


def ask_once(audio: bytes = b"some audio", **settings) -> object:
    teacher = GeminiSettings(limits=LimitSettings(timeout_s=30), **settings)
    with teacher.connect(CLASSES) as provider:
        return asyncio.run(provider.ask(Question("?", (0,), audio, "audio/flac")))


def test_a_missing_key_says_which_variable_to_set_and_what_needs_none():
    message = (
        r"gemini-2\.5-flash: no API key\. Set GEMINI_API_KEY or GOOGLE_API_KEY, "
        r"or use `kind: simulated` to try without one\."
    )
    with pytest.raises(KeyMissingError, match=message) as caught, GeminiSettings().connect(CLASSES):
        pass
    assert caught.value.exit_code == 2


def test_an_empty_key_is_a_missing_one(monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "")
    with pytest.raises(KeyMissingError, match="no API key"), GeminiSettings().connect(CLASSES):
        pass


def test_a_key_of_white_space_is_a_missing_one(monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", " \n")
    with pytest.raises(KeyMissingError, match="no API key"), GeminiSettings().connect(CLASSES):
        pass


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ({"GEMINI_API_KEY": "gemini's"}, "gemini's"),
        ({"GOOGLE_API_KEY": "google's"}, "google's"),
        ({"GEMINI_API_KEY": "gemini's", "GOOGLE_API_KEY": "google's"}, "gemini's"),
        ({"GEMINI_API_KEY": "from-a-file\n"}, "from-a-file"),
    ],
    ids=["GEMINI_API_KEY", "GOOGLE_API_KEY", "both", "with a line's end"],
)
def test_the_key_is_taken_from_the_environment(recorder, monkeypatch, keys, sent):
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", recorder.url)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    ask_once()
    assert recorder.requests[0].headers["x-goog-api-key"] == sent


def test_the_base_url_redirects_the_calls(monkeypatch, tone_flac):
    with running_server() as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        monkeypatch.setenv("GEMINI_API_KEY", "a-key")
        assert ask_once(tone_flac)[0].model_version == "simulated-prosody-1"
        assert server.requests == 1


@pytest.mark.parametrize("variable", ["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"])
def test_a_key_is_used_at_gemini_even_where_other_work_uses_vertex_ai(recorder, monkeypatch, variable):
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", recorder.url)
    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    monkeypatch.setenv(variable, "true")
    ask_once()
    assert "publishers/google" not in recorder.requests[0].path


def test_the_default_sends_no_seed_as_the_paper_does():
    assert GeminiSettings().seed is None
