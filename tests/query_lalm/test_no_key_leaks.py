"""With a key that is easy to find, and with all that goes wrong: the key is nowhere but in the requests.

Looked at are every file that a run leaves (answers, records of jobs, tables), what it prints, what it and the SDKs log
at level DEBUG, and its errors with their tracebacks.
"""

import json
import logging
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tasks.contracts.errors import MifuseError, ProviderError, QuotaError
from tests.query_lalm.asking import KEYS, TEACHERS

KEY = "sk-leak-7Qz1m9RfXw3TbLk5"
START = KEY[:8]
HEADERS = ("x-goog-api-key", "authorization", "x-api-key", "bearer")
FAULTS = "safety*1,unparsable*1,truncated_json*1,max_tokens*1,reset*1,429*1@retry_s=0.05"
ADDRESSES = ("GOOGLE_GEMINI_BASE_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL")
KINDS = pytest.mark.parametrize("kind", TEACHERS)


class _Blabbing(BaseHTTPRequestHandler):
    """Refuses every key, and repeats it: whole, starred out, and within other words."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        words = f"Incorrect API key provided: {KEY}. You sent {START}****Lk5, that is 'key={KEY}'."
        error = {"code": 401, "status": "UNAUTHENTICATED", "type": "authentication_error", "message": words}
        body = json.dumps({"type": "error", "error": error}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def blabbing(monkeypatch):
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Blabbing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name in ADDRESSES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_address[1]}")
    for name in KEYS:
        monkeypatch.setenv(name, KEY)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def leave_no_trace(workplace, capfd, caplog):
    """Looks everywhere at the end of a run."""
    caplog.set_level(logging.DEBUG)

    def check(error: BaseException | None = None) -> None:
        printed = capfd.readouterr()
        files = [file for file in workplace.root.rglob("*") if file.is_file()]
        assert any(file.name == "cache.db" for file in files)
        found = {str(file): file.read_bytes().decode("latin-1") for file in files}
        found |= {"stdout": printed.out, "stderr": printed.err, "log": logged(caplog)}
        if error is not None:
            found["error"] = "".join(traceback.format_exception(error))
        for where, text in found.items():
            assert START not in text, where
            assert not [name for name in HEADERS if name in text.lower()], where

    return check


def logged(caplog) -> str:
    assert {"httpcore2.http11", "httpx2"} <= {record.name for record in caplog.records}, "nothing was listened to"
    return "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)


@pytest.fixture
def serve_with_key(serve, monkeypatch):
    def start(faults=None, **options):
        server = serve(faults, **options)
        for name in KEYS:
            monkeypatch.setenv(name, KEY)
        return server

    return start


@KINDS
def test_after_a_run_with_faults(workplace, serve_with_key, leave_no_trace, kind):
    server = serve_with_key(FAULTS)
    workplace.ask(TEACHERS[kind](draws=4, concurrency=1, attempts=6))
    assert server.requests == 14
    leave_no_trace()


@KINDS
def test_after_a_run_whose_draws_failed(workplace, serve_with_key, leave_no_trace, kind):
    serve_with_key("500*2,503*2,reset*2")
    assert workplace.ask(TEACHERS[kind](attempts=1))["failed"] == 6
    leave_no_trace()


@KINDS
def test_when_the_server_repeats_the_key_that_it_refuses(workplace, blabbing, leave_no_trace, kind):
    with pytest.raises(ProviderError, match=r"asking stopped: 401 .*\[key\]") as caught:
        workplace.ask(TEACHERS[kind]())
    leave_no_trace(caught.value)


@pytest.mark.parametrize("kind", ["gemini", "anthropic"])
def test_when_the_server_repeats_the_key_to_a_job(workplace, blabbing, leave_no_trace, kind):
    with pytest.raises(ProviderError, match=r"401 .*\[key\]") as caught:
        workplace.ask(TEACHERS[kind](batch={"poll_s": 0.02}))
    leave_no_trace(caught.value)


@pytest.mark.parametrize("kind", ["gemini", "anthropic"])
def test_after_a_job_with_faults(workplace, serve_with_key, leave_no_trace, kind):
    serve_with_key("500*1,safety*1")
    assert workplace.ask(TEACHERS[kind](batch={"poll_s": 0.02}))["answered"] == 5
    leave_no_trace()


@KINDS
def test_when_nothing_is_left_to_spend(workplace, serve_with_key, leave_no_trace, kind):
    serve_with_key("429-daily@after=1")
    with pytest.raises(QuotaError) as caught:
        workplace.ask(TEACHERS[kind]())
    leave_no_trace(caught.value)


@KINDS
@pytest.mark.parametrize("broken", [f"{KEY}\n{KEY}", f"{KEY}\x7f", f"{KEY}é"], ids=["two lines", "delete", "accent"])
def test_a_key_that_no_header_can_carry_is_not_shown(workplace, serve, capfd, monkeypatch, kind, broken):
    serve()
    setting = {"gemini": "GEMINI_API_KEY", "openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}[kind]
    monkeypatch.setenv(setting, broken)
    with pytest.raises(MifuseError, match="holds characters that no key has") as caught:
        workplace.ask(TEACHERS[kind]())
    assert START not in "".join(traceback.format_exception(caught.value))
    assert START not in "".join(capfd.readouterr())
