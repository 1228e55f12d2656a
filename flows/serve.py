"""`mifuse serve`: a Prefect server and what runs the pipelines, as children of this command; they end with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

from flows.quiet import LEASES_ON_DISK
from flows.settings import read_pipelines
from tasks.contracts.errors import SettingsError

_START_S = 120.0  # a busy machine, a new database
_GRACE_S = 20.0  # for runs that are told to end, before they are killed
Child = subprocess.Popen[bytes]


def serve_pipelines(names: tuple[str, ...], pipelines: Path, cache: Path, port: int) -> None:
    """Until a signal comes; then everything that was started ends.

    Raises:
        SettingsError: No pipeline has a schedule, the port is taken, or what was started has ended by itself.
        KeyboardInterrupt: A signal came.
    """
    chosen = names or tuple(name for name, each in read_pipelines(pipelines).items() if each.schedule)
    for name in chosen:
        read_pipelines(pipelines, only=name)
    if not chosen:
        raise SettingsError(
            f"{pipelines}: no pipeline has a schedule, so there is nothing to serve. Give one, such as "
            '`schedule: {cron: "0 3 * * *", timezone: Europe/Berlin}`.'
        )
    with _signals_raise(), _server(port) as (url, server), _runner(chosen, pipelines, cache, url, server) as runner:
        _wait_for_end(runner, server)


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise KeyboardInterrupt, once: a second one must not leave children behind."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        click.echo("\nending; what was finished or paid for is kept.", err=True)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in numbers}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _server(port: int) -> Iterator[tuple[str, Child | None]]:
    """The address of the server to use, and the server itself if it was started here."""
    if given := os.environ.get("PREFECT_API_URL"):
        if not _is_healthy(given):
            raise SettingsError(
                f"PREFECT_API_URL is {given}, and no Prefect server answers there. Start it with "
                "`prefect server start`, or unset the variable: then `mifuse serve` starts one."
            )
        yield given, None
        return
    url = f"http://127.0.0.1:{port}/api"
    if _is_healthy(url):
        raise SettingsError(
            f"--port {port}: a Prefect server answers there already. Set PREFECT_API_URL={url} to use it, or give "
            "another --port."
        )
    with tempfile.TemporaryFile() as told:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        # Else the UI asks the usual port.
        ui = {"PREFECT_SERVER_UI_API_URL": url}
        environment = os.environ | ui | {"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES_ON_DISK}
        with _child(command, environment, stdout=told) as server:
            _wait_until_healthy(url, server, told)
            print(f"Prefect: {url.removesuffix('/api')}", flush=True)
            yield url, server


def _wait_until_healthy(url: str, server: Child, told: object) -> None:
    deadline = time.monotonic() + _START_S
    while not _is_healthy(url):
        if server.poll() is not None or time.monotonic() > deadline:
            told.seek(0)  # type: ignore[attr-defined]
            said = told.read().decode(errors="replace").strip().splitlines()  # type: ignore[attr-defined]
            raise SettingsError("the Prefect server did not start. It said: " + " / ".join(said[-3:]))
        time.sleep(0.2)


def _is_healthy(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def _runner(names: tuple[str, ...], pipelines: Path, cache: Path, url: str, server: Child | None) -> Iterator[Child]:
    """What makes the deployments and starts their runs: see `flows.serve_runner`."""
    work = {"names": names, "pipelines": str(pipelines), "cache": str(cache), "server": server and server.pid}
    # What the stages print is shown here and in the UI.
    shown = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO", "PREFECT_LOGGING_LOG_PRINTS": "true"}
    command = [sys.executable, "-m", "flows.serve_runner", json.dumps(work)]
    with _child(command, os.environ | shown | {"PREFECT_API_URL": url}, stdin=subprocess.PIPE) as runner:
        yield runner


@contextmanager
def _child(command: list[str], environment: dict[str, str], **streams: object) -> Iterator[Child]:
    """In a group of its own: a terminal's Ctrl-C reaches only us, who end the runs before the server they tell."""
    child = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.STDOUT if "stdout" in streams else None,
        start_new_session=True,
        **streams,  # type: ignore[call-overload]
    )
    try:
        yield child
    finally:
        _end(child)


def _end(child: Child) -> None:
    """Asks it to end, and kills what is left of its group after a while."""
    child.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _wait_for_end(runner: Child, server: Child | None) -> None:
    while runner.poll() is None and (server is None or server.poll() is None):
        time.sleep(0.5)
    if runner.poll() is None:
        raise SettingsError("the Prefect server ended by itself. Start `mifuse serve` again; everything is kept.")
    raise SettingsError("what runs the pipelines ended by itself; why stands above. Start `mifuse serve` again.")
