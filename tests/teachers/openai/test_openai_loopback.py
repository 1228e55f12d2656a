"""The teacher asks a whole server that speaks as OpenAI does, and meets its faults."""

import pytest

from tasks.asking.provider import Answer, CandidatesRefusedError, DailyQuotaError, TryAgainError
from tasks.asking.reading import UnparsableError, read_answer
from tasks.teachers.loopback.server import running_server
from tasks.teachers.prompts import prompt_text

CLASSES = ["angry", "happy", "neutral", "sad"]
PROMPT = prompt_text("emotion-v1", CLASSES)


@pytest.fixture
def ask_loopback(ask_openai, tone_flac):
    """The answers of a server with these faults."""

    def ask(faults: str | None = None, **settings) -> list[Answer]:
        with running_server(faults=faults) as server:
            return ask_openai(server.url, audio=tone_flac, mime_type="audio/flac", prompt=PROMPT, **settings)

    return ask


@pytest.fixture
def fail(ask_loopback):
    """The error of one question to a server with these faults."""

    def ask(faults: str, kind: type[Exception], match: str, **settings) -> Exception:
        with pytest.raises(kind, match=match) as caught:
            ask_loopback(faults, **settings)
        return caught.value

    return ask


@pytest.mark.parametrize("model", ["Qwen/Qwen2.5-Omni-7B", "gpt-audio-1.5"], ids=["by schema", "by prompt"])
def test_the_answer_is_a_distribution(ask_loopback, model):
    [answer] = ask_loopback(model=model)
    assert sum(read_answer(answer.text, CLASSES)) == pytest.approx(1)
    assert answer.model_version == "simulated-prosody-1"


def test_the_audios_tokens_are_told_apart_from_the_prompts(ask_loopback):
    [answer] = ask_loopback()
    assert answer.audio_tokens == 10  # OpenAI's ten per second
    assert answer.input_tokens > 10 < answer.output_tokens


def test_a_label_is_read_as_a_label(ask_loopback):
    [answer] = ask_loopback(answer="label")
    assert max(read_answer(answer.text, CLASSES, "label")) == 1


def test_candidates_of_one_call_are_draws(ask_loopback):
    answers = ask_loopback(draws=(0, 1, 2), temperature=2, seed=1)
    assert len({answer.text for answer in answers}) > 1
    assert all(sum(read_answer(answer.text, CLASSES)) == pytest.approx(1) for answer in answers)


def test_the_same_seed_gives_the_same_answer(ask_loopback):
    assert ask_loopback(seed=3) == ask_loopback(seed=3)


def test_json_in_a_fence_with_prose_around_it_is_read_all_the_same(ask_loopback):
    [spoilt], [plain] = ask_loopback("prose", seed=1), ask_loopback(seed=1)
    assert spoilt.text != plain.text
    assert read_answer(spoilt.text, CLASSES) == read_answer(plain.text, CLASSES)


@pytest.mark.parametrize("fault", ["truncated_json", "unparsable"])
def test_an_answer_that_holds_no_distribution_is_an_answer_and_no_refusal(ask_loopback, fault):
    [answer] = ask_loopback(fault)
    assert (answer.refusal, bool(answer.text)) == (None, True)
    with pytest.raises(UnparsableError):
        read_answer(answer.text, CLASSES)


def test_a_refusal_was_paid(ask_loopback):
    [answer] = ask_loopback("safety")
    assert (answer.text, answer.refusal) == ("", "I'm sorry, but I can't help with that")
    assert answer.input_tokens > 0


def test_an_answer_that_ran_out_of_tokens_before_its_first_word_is_empty_and_no_refusal(ask_loopback):
    [answer] = ask_loopback("max_tokens")
    assert (answer.text, answer.refusal) == ("", None)


@pytest.mark.parametrize("place", ["body", "retry-after", "retry-after-ms"])
def test_429_waits_as_long_as_it_says_wherever_it_says_it(fail, place):
    limited = fail(f"429@retry_s=45@where={place}", TryAgainError, "429 rate_limit_exceeded Rate limit reached")
    assert (limited.wait_s, limited.limited) == (45, True)


def test_429_may_name_a_date(fail):
    limited = fail("429@retry_s=45@where=date", TryAgainError, "429")
    assert 43 <= limited.wait_s <= 46  # dates know whole seconds only


def test_fractions_of_a_second_are_kept(fail):
    assert fail("429@retry_s=0.25", TryAgainError, "429").wait_s == 0.25


def test_a_spent_account_stops_the_run(fail):
    fail("429-daily@retry_s=1", DailyQuotaError, "429 insufficient_quota You exceeded your current quota")


@pytest.mark.parametrize(("fault", "match"), [("500", "500 server_error"), ("503", "503 server_error .*overloaded")])
def test_a_server_in_trouble_is_asked_again_and_the_others_go_on(fail, fault, match):
    trouble = fail(fault, TryAgainError, match)
    assert (trouble.limited, trouble.may_be_paid) == (False, False)


def test_an_answer_that_takes_too_long_may_have_been_paid(fail):
    assert fail("slow@seconds=5", TryAgainError, r"no answer within 0\.3 s", timeout_s=0.3).may_be_paid


def test_a_connection_that_is_reset_in_the_middle_of_the_answer_may_have_been_paid(fail):
    assert fail("reset", TryAgainError, "ReadError|RemoteProtocolError").may_be_paid


def test_a_model_that_gives_one_candidate_only_says_so(fail):
    fail("candidates", CandidatesRefusedError, "400 unsupported_value .*'n' must be 1", draws=(0, 1))
