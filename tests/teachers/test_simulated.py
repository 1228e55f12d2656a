"""`kind: simulated` answers for nothing, without a key, and the same in every run."""

import asyncio

import pytest

from tasks.asking.limits import LimitSettings
from tasks.asking.provider import Answer, Question, TryAgainError
from tasks.asking.reading import read_answer
from tasks.teachers.simulated import SimulatedSettings

CLASSES = ["angry", "happy", "neutral", "sad"]
LIMITS = LimitSettings(requests_per_minute=None, tokens_per_minute=None, timeout_s=30)


def ask(audio: bytes, draws: int = 1, **settings) -> list[Answer]:
    teacher = SimulatedSettings(limits=LIMITS, **settings)
    with teacher.connect(CLASSES) as provider:

        async def ask_all() -> list[Answer]:
            return [(await provider.ask(Question("?", (draw,), audio, "audio/flac")))[0] for draw in range(draws)]

        return asyncio.run(ask_all())


def test_it_needs_no_key(tone_flac, monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    [answer] = ask(tone_flac)
    assert sum(read_answer(answer.text, CLASSES)) == pytest.approx(1)


def test_it_never_sends_a_real_key(tone_flac, monkeypatch):
    """The environment's key and base URL are for the paid teacher."""
    monkeypatch.setenv("GEMINI_API_KEY", "a-real-key")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    assert ask(tone_flac)[0].refusal is None


def test_it_calls_itself_what_its_answers_say(tone_flac):
    assert ask(tone_flac)[0].model_version == SimulatedSettings().model


def test_the_same_seed_gives_the_same_draws_in_another_run(tone_flac):
    assert ask(tone_flac, draws=4, seed=3, temperature=2) == ask(tone_flac, draws=4, seed=3, temperature=2)


def test_the_draws_of_a_clip_differ(tone_flac):
    assert len({answer.text for answer in ask(tone_flac, draws=8, temperature=2)}) > 1


def test_another_seed_gives_other_draws(tone_flac):
    first, second = (ask(tone_flac, draws=4, seed=seed, temperature=2) for seed in (0, 100))
    assert first != second


def test_its_server_is_gone_after_the_run(tone_flac):
    question = Question("?", (0,), tone_flac, "audio/flac")
    with SimulatedSettings().connect(CLASSES) as provider:
        asyncio.run(provider.ask(question))
    with pytest.raises(TryAgainError, match="ConnectError"):
        asyncio.run(provider.ask(question))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_it_is_reached_where_the_environment_sends_all_else_to_a_proxy(tone_flac, monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert ask(tone_flac)[0].refusal is None


@pytest.mark.parametrize("variable", ["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"])
def test_it_is_reached_where_other_work_uses_vertex_ai(tone_flac, monkeypatch, variable):
    monkeypatch.setenv(variable, "true")
    assert ask(tone_flac)[0].refusal is None
