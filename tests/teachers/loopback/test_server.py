"""The official SDK gets real answers over real HTTP, and the server says no as Google does."""

import asyncio
import io
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import soundfile
from google import genai
from google.genai import errors, types

from tasks.asking.reading import answer_schema
from tasks.contracts.errors import SettingsError
from tasks.storage.audio import read_audio
from tasks.teachers.loopback import hearing
from tasks.teachers.loopback.judge import judge_wave
from tasks.teachers.loopback.model import MinuteLimit
from tasks.teachers.loopback.server import running_server

CLASSES = ["angry", "happy", "neutral", "sad"]


def test_the_sdk_gets_a_distribution_over_the_classes(server, ask, flac):
    answer = json.loads(ask(server, flac).text)
    assert list(answer) == CLASSES
    assert sum(answer.values()) == pytest.approx(1, abs=0.02)


def test_the_asynchronous_sdk_gets_the_same_answer(server, ask, flac, make_config):
    async def ask_async() -> str | None:
        client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))
        contents = [types.Part.from_bytes(data=flac, mime_type="audio/flac"), "How does the speaker feel?"]
        config = make_config(seed=3)
        response = await client.aio.models.generate_content(
            model="simulated-prosody-1", contents=contents, config=config
        )
        return response.text

    assert asyncio.run(ask_async()) == ask(server, flac, seed=3).text


def test_the_answer_follows_the_audio_that_was_sent(server, ask, flac):
    answer = json.loads(ask(server, flac, temperature=0).text)
    assert max(answer, key=answer.__getitem__) == CLASSES[int(judge_wave(read_audio(flac), CLASSES).argmax())]


def test_the_same_seeded_request_gets_the_same_answer_byte_for_byte(server, ask, flac):
    first, second = (ask(server, flac, seed=7) for _ in range(2))
    assert first.model_dump_json(exclude={"sdk_http_response"}) == second.model_dump_json(exclude={"sdk_http_response"})


def test_other_seeds_get_other_answers(server, ask, flac):
    assert len({ask(server, flac, seed=seed, temperature=2).text for seed in range(8)}) > 1


def test_unseeded_requests_vary(server, ask, flac):
    assert len({ask(server, flac, temperature=2).text for _ in range(8)}) > 1


def test_the_answer_names_what_really_answered_and_what_it_cost(server, ask, flac):
    response = ask(server, flac)
    assert response.model_version == "simulated-prosody-1"
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    counts = {each.modality.value: each.token_count for each in response.usage_metadata.prompt_tokens_details}
    assert counts == {"AUDIO": 32, "TEXT": 7}


def test_several_candidates_are_several_draws(server, ask, flac):
    candidates = ask(server, flac, candidate_count=8, temperature=2, seed=0).candidates
    assert [each.index for each in candidates] == [*range(8)]
    assert len({each.content.parts[0].text for each in candidates}) > 1


def test_wav_at_another_rate_is_understood(server, ask, voice):
    file = io.BytesIO()
    soundfile.write(file, voice(), 44_100, format="WAV")
    assert json.loads(ask(server, file.getvalue()).text)


def test_the_model_can_be_looked_up(server):
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))
    assert client.models.get(model="simulated-prosody-1").version == "simulated-prosody-1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["angry", "smug"]}, 'class "smug" has no place in arousal and valence'),
        ({"response_json_schema": None}, "no response schema"),
        ({"candidate_count": 9}, "candidateCount must be a number from 1 to 8, got 9"),
    ],
)
def test_a_question_that_cannot_be_answered_gets_a_400(server, ask, flac, change, message):
    with pytest.raises(errors.ClientError, match=f"400 INVALID_ARGUMENT.*{message}"):
        ask(server, flac, **change)


def test_audio_that_cannot_be_decoded_gets_a_400_each_time(server, ask):
    for _ in range(2):
        with pytest.raises(errors.ClientError, match=r"400 INVALID_ARGUMENT.*no audio that can be decoded"):
            ask(server, b"not a recording")


def test_a_question_without_audio_gets_a_400(server, make_config):
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))
    with pytest.raises(errors.ClientError, match=r"expected one inlineData part .* found 0"):
        client.models.generate_content(model="m", contents=["How does he feel?"], config=make_config())


def test_a_request_without_a_key_gets_a_403(server, post):
    code, error = post(f"{server.url}/v1/models/m:generateContent", b"{}", {})
    assert (code, error["status"]) == (403, "PERMISSION_DENIED")
    assert "Please use API Key" in error["message"]


def test_a_body_that_is_no_json_gets_a_400(server, post):
    code, error = post(f"{server.url}/v1/models/m:generateContent", b"{", {"x-goog-api-key": "k"})
    assert (code, error["status"]) == (400, "INVALID_ARGUMENT")


def test_more_than_20_mib_get_a_400(server, post):
    body = b" " * (20 * 2**20 + 1)
    code, error = post(f"{server.url}/v1/models/m:generateContent", body, {"x-goog-api-key": "k"})
    assert code == 400
    assert error["message"] == "Request payload size exceeds the limit: 20971520 bytes."


def test_another_path_gets_a_404_that_names_the_known_one(server, post):
    code, error = post(f"{server.url}/v1/models/m:countTokens", b"{}", {"x-goog-api-key": "k"})
    assert code == 404
    assert re.search(r"not served here\. Known: POST /VERSION/models/MODEL:generateContent", error["message"])


def test_the_log_counts_requests_and_never_holds_the_key(ask, flac):
    with running_server(faults="500*1") as server:
        with pytest.raises(errors.ServerError):
            ask(server, flac)
        ask(server, flac)
        assert (server.requests, server.answered) == (2, 1)
        assert [(each.status, each.fault) for each in server.log] == [(500, "500"), (200, None)]
        assert "a-secret-key" not in repr(server.log)
        assert len({each.audio_sha256 for each in server.log}) == 1


def test_a_clip_is_listened_to_once_even_when_asked_about_five_times_at_once(ask, encode_flac, voice, monkeypatch):
    heard = []
    monkeypatch.setattr(
        hearing, "measure_prosody", lambda wave, real=hearing.measure_prosody: heard.append(1) or real(wave)
    )
    with running_server() as server, ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: ask(server, encode_flac(voice(170))), range(10)))
    assert (len(answers), len(heard)) == (10, 1)


def test_latency_is_added_to_every_answer(ask, flac):
    with running_server(latency_s=0.3) as server:
        start = time.monotonic()
        ask(server, flac)
        assert time.monotonic() - start >= 0.3


def test_beyond_its_requests_per_minute_the_server_says_how_long_to_wait(ask, flac):
    with running_server(requests_per_minute=2) as server:
        ask(server, flac)
        ask(server, flac)
        with pytest.raises(errors.ClientError, match=r"429 RESOURCE_EXHAUSTED.*RetryInfo.*'retryDelay': '\d+\.?\d*s'"):
            ask(server, flac)


def test_the_minute_limit_lets_the_next_one_through_when_the_oldest_is_a_minute_old():
    limit = MinuteLimit(2)
    assert [limit.wait_s(now) for now in (0.0, 10.0, 20.0, 60.0, 61.0)] == [0, 0, 40, 0, 9]


def test_candidates_refuses_more_than_one_candidate_as_gemini_3_does(ask, flac):
    with running_server(faults="candidates") as server:
        with pytest.raises(errors.ClientError, match=r"400 INVALID_ARGUMENT.*Multiple candidates is not enabled"):
            ask(server, flac, candidate_count=2)
        assert ask(server, flac).text


def test_an_answer_longer_than_allowed_is_cut(server, ask, flac):
    response = ask(server, flac, max_output_tokens=5)
    assert (len(response.text), response.candidates[0].finish_reason) == (20, types.FinishReason.MAX_TOKENS)


def test_one_label_is_answered_where_the_schema_asks_for_it(server, ask, flac):
    schema = answer_schema(CLASSES, "label")
    assert json.loads(ask(server, flac, response_json_schema=schema).text)["label"] in CLASSES


def test_nothing_answers_after_the_block(ask, flac):
    with running_server() as server:
        ask(server, flac)
    port = int(server.url.rsplit(":", 1)[1])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.org"])
def test_it_listens_on_this_machine_only(host):
    with (
        pytest.raises(ValueError, match=rf'listens on this machine only: "{host}" is not 127\.0\.0\.1'),
        running_server(host=host),
    ):
        pass


def test_a_taken_port_is_named(server):
    port = int(server.url.rsplit(":", 1)[1])
    with (
        pytest.raises(SettingsError, match=rf"port {port} on 127\.0\.0\.1 cannot be used .*choose another, or 0"),
        running_server(port),
    ):
        pass


def test_a_bad_fault_specification_stops_the_server_from_starting():
    with pytest.raises(ValueError, match='unknown fault "teapot"'), running_server(faults="teapot"):
        pass
