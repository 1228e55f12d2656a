"""Serves the loopback model over real HTTP: in a thread for `kind: simulated` and tests, or as `mifuse lalm-server`."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from tasks.contracts.errors import ProviderError, SettingsError
from tasks.teachers.loopback.app import create_app
from tasks.teachers.loopback.model import Asked, Loopback, LoopbackSettings
from tasks.teachers.loopback.resetting import ResettableProtocol

START_WITHIN_S = 30.0  # two slow cores that also import torch


@dataclass(frozen=True)
class LoopbackServer:
    """A server that is running."""

    url: str
    loopback: Loopback

    @property
    def requests(self) -> int:
        """How many requests came in, faults and mistakes included."""
        return self.loopback.requests

    @property
    def answered(self) -> int:
        """How many of them got a 200."""
        return self.loopback.answered

    @property
    def batch_answered(self) -> int:
        """How many requests inside batches got an answer."""
        return self.loopback.batch_answered

    @property
    def log(self) -> deque[Asked]:
        """The latest requests."""
        return self.loopback.log


@contextmanager
def running_server(
    port: int = 0,
    faults: str | None = None,
    latency_s: float = 0.0,
    requests_per_minute: int | None = None,
    batch_s: float = 0.0,
    host: str = "127.0.0.1",
) -> Iterator[LoopbackServer]:
    """A server in a thread of this process; port 0 takes a free one. It accepts connections when the block begins.

    Raises:
        ValueError: `faults` cannot be read, or `host` can be reached from other machines.
        SettingsError: The port is taken.
    """
    app = create_app(LoopbackSettings(faults, latency_s, requests_per_minute, batch_s))
    with _listen(host, port) as listener:
        server = uvicorn.Server(_configure(app))
        thread = threading.Thread(target=server.run, args=([listener],), name="loopback-lalm", daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield LoopbackServer(_url(listener), app.state.loopback)
        finally:
            server.should_exit = True
            thread.join(START_WITHIN_S)


def serve_forever(
    host: str = "127.0.0.1",
    port: int = 8765,
    faults: str | None = None,
    latency_s: float = 0.0,
    requests_per_minute: int | None = None,
    batch_s: float = 0.0,
) -> None:
    """`mifuse lalm-server`: prints one line and serves until interrupted. Raises as `running_server` does."""
    app = create_app(LoopbackSettings(faults, latency_s, requests_per_minute, batch_s))
    with _listen(host, port) as listener:
        print(
            f"The loopback LALM listens on {_url(listener)} "
            "(wire formats of Gemini, OpenAI and Anthropic; any API key). Stop with Ctrl+C.",
            flush=True,
        )
        uvicorn.Server(_configure(app)).run([listener])


def _configure(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=ResettableProtocol,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        log_config=None,  # the host program's logging is its own
        timeout_graceful_shutdown=1,
    )


def _listen(host: str, port: int) -> socket.socket:
    """Bound here, not by uvicorn: the free port must be known before the server runs, and a taken one must not exit."""
    if not (host == "localhost" or _is_loopback(host)):
        raise ValueError(f'the loopback LALM takes any key and listens on this machine only: "{host}" is not 127.0.0.1')
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"port {port} on {host} cannot be used ({error.strerror}): choose another, or 0") from None
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ProviderError(f"the loopback LALM did not start within {START_WITHIN_S:g} s; run again")
        time.sleep(0.005)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"http://{host}:{port}"
