"""Audio that is too large for a request is uploaded, once per clip, and taken away when the work is done."""

import asyncio

import pytest

from tasks.asking.provider import QuestionRejectedError, TryAgainError
from tasks.teachers.gemini_provider import INLINE_BYTES_AT_MOST
from tests.teachers.asking_gemini import do, listening, question_of, wav_of


@pytest.fixture(scope="module")
def large() -> bytes:
    audio = wav_of(200)
    assert len(audio) > INLINE_BYTES_AT_MOST
    return audio


def uploads_of_one_clip(large: bytes) -> int:
    """Requests: one that begins it, and one per 8 MiB."""
    return 1 + -(-len(large) // (8 * 2**20))


@pytest.fixture
def server():
    with listening() as server:
        yield server


def ask_all(url: str, *questions):
    return do(url, lambda provider: asyncio.gather(*(provider.ask(question) for question in questions)))


def test_a_small_clip_is_sent_within_the_request(server, tone_flac):
    ask_all(server.url, question_of(tone_flac))
    assert [path for _, path in server.requests] == ["/v1/models/gemini-2.5-flash:generateContent"]


def test_a_large_clip_is_uploaded_and_answered(server, large):
    [[answer]] = ask_all(server.url, question_of(large, mime_type="audio/wav"))
    assert answer.text.startswith('{"angry"')
    assert answer.audio_tokens == 6 * 32


def test_all_draws_of_a_clip_use_one_upload_also_at_the_same_moment(server, large):
    ask_all(server.url, *(question_of(large, (draw,), "audio/wav") for draw in range(4)))
    assert server.count("POST", ":generateContent") == 4
    assert server.count("POST", "/upload/") == uploads_of_one_clip(large)


def test_draws_that_come_later_use_the_same_upload(server, large):
    async def one_after_the_other(provider):
        for draw in range(3):
            await provider.ask(question_of(large, (draw,), "audio/wav"))

    do(server.url, one_after_the_other)
    assert server.count("POST", "/upload/") == uploads_of_one_clip(large)


def test_each_clip_has_its_own_upload(server, large):
    ask_all(server.url, question_of(large, mime_type="audio/wav"), question_of(wav_of(400), mime_type="audio/wav"))
    assert server.count("POST", "/upload/") == 2 * uploads_of_one_clip(large)


def test_uploads_are_taken_away_at_the_end(server, large):
    ask_all(server.url, question_of(large, mime_type="audio/wav"))
    assert server.count("DELETE", "/v1/files/") == 1
    assert server.requests[-1][0] == "DELETE"


def test_a_small_clip_leaves_nothing_to_take_away(server, tone_flac):
    ask_all(server.url, question_of(tone_flac))
    assert server.count("DELETE", "") == 0


def test_an_upload_that_is_refused_is_told_and_the_next_draw_tries_again(recorder, large):
    recorder.will_reply({"error": {"code": 400, "message": "no room", "status": "INVALID_ARGUMENT"}}, status=400)

    async def twice(provider):
        for _ in range(2):
            with pytest.raises(QuestionRejectedError, match="400 INVALID_ARGUMENT no room"):
                await provider.ask(question_of(large))

    do(recorder.url, twice)
    assert [request.path.split("?")[0] for request in recorder.requests] == ["/upload/v1/files"] * 2


def test_an_upload_that_failed_was_not_paid(recorder, large):
    recorder.will_reply({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}, status=503)
    with pytest.raises(TryAgainError, match="503 UNAVAILABLE busy") as caught:
        ask_all(recorder.url, question_of(large))
    assert not caught.value.may_be_paid


def test_a_server_that_names_no_place_for_an_upload_is_asked_again_later(recorder, large):
    """A proxy that knows nothing of the protocol."""
    recorder.will_reply({})
    with pytest.raises(TryAgainError, match="could not be uploaded") as caught:
        ask_all(recorder.url, question_of(large))
    assert not caught.value.may_be_paid
