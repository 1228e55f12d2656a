"""The lines of a job's results: each becomes an answer or an error of its own, and a broken one is never an answer."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tasks.asking.provider import Answer, NoCreditError, QuestionRejectedError, TryAgainError
from tasks.teachers.anthropic_batches import Batch, key_in, read_as, result_in
from tasks.teachers.anthropic_provider import AnthropicProvider
from tests.teachers.asking_claude import CLASSES, KEY, error_of, message_of, settings_of


def line_of(**result: object) -> str:
    return json.dumps({"custom_id": "k", "result": result})


def test_a_success_is_an_answer():
    key, answer = result_in(line_of(type="succeeded", message=message_of("some text")), KEY)
    assert isinstance(answer, Answer)
    assert (key, answer.text, answer.input_tokens, answer.output_tokens) == ("k", "some text", 320, 40)


def test_a_refusal_within_a_job_is_an_answer_that_was_paid():
    _, answer = result_in(line_of(type="succeeded", message=message_of(content=[], stop_reason="refusal")), KEY)
    assert isinstance(answer, Answer)
    assert answer.refusal == "stop_reason refusal"


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [
        ("invalid_request_error", QuestionRejectedError),
        ("authentication_error", QuestionRejectedError),
        ("permission_error", QuestionRejectedError),
        ("not_found_error", QuestionRejectedError),
        ("billing_error", NoCreditError),
        ("rate_limit_error", TryAgainError),
        ("api_error", TryAgainError),
        ("timeout_error", TryAgainError),
        ("overloaded_error", TryAgainError),
        ("error_of_tomorrow", TryAgainError),
    ],
)
def test_an_error_within_a_job_is_told_by_its_type(kind: str, becomes: type[Exception]):
    _, error = result_in(line_of(type="errored", error=error_of(kind, f"no, {KEY}")), KEY)
    assert type(error) is becomes
    assert f"{kind} no, [key]" in str(error)


def test_a_success_without_a_message_is_no_answer():
    _, error = result_in(line_of(type="succeeded", message=None), KEY)
    assert isinstance(error, TryAgainError)


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"custom_id": "k"}', '{"custom_id": "k", "result": {}}'])
def test_a_line_that_is_none_is_refused(line: str):
    with pytest.raises(ValueError, match=r"validation error|Expecting"):
        key_in(line)
    with pytest.raises(ValueError, match=r"validation error|Expecting"):
        result_in(line, KEY)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"id": "b", "processing_status": "ended"}'])
def test_a_reply_that_describes_no_job_is_none(body: bytes):
    with pytest.raises(TryAgainError, match="the reply could not be read") as caught:
        read_as(Batch, body)
    assert not caught.value.may_be_paid


class _Breaking(BaseHTTPRequestHandler):
    """A job that has ended, whose results break off after one line: in the middle of the next, or of the body."""

    def do_GET(self) -> None:
        if self.path.endswith("/results"):
            body = line_of(type="succeeded", message=message_of("some text")) + '\n{"custom_id": "l", "resu'
        else:
            url = f"http://127.0.0.1:{self.server.server_address[1]}{self.path}/results"
            counts = {"succeeded": 2}
            batch = {"id": "b", "processing_status": "ended", "request_counts": counts, "results_url": url}
            body = json.dumps(batch | {"created_at": "2026-11-21T00:00:00Z"})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        is_cut = self.path.endswith("/results") and "/cut/" in self.path
        self.send_header("Content-Length", str(len(body) + (100 if is_cut else 0)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def breaking() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Breaking)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("how", ["", "/cut"], ids=["in a line", "in the body"])
def test_results_that_break_off_keep_what_came_and_are_read_again(breaking: str, how: str):
    came = {}

    async def read() -> None:
        provider = AnthropicProvider(settings_of(), CLASSES, KEY, breaking + how)
        try:
            async for key, result in provider.results("b"):
                came[key] = result
        finally:
            await provider.close()

    with pytest.raises(TryAgainError, match="the results broke off") as caught:
        asyncio.run(read())
    assert not caught.value.may_be_paid
    assert [(key, answer.text) for key, answer in came.items()] == [("k", "some text")]
