"""`mifuse serve`: one command that has its own Prefect server, runs what is due, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.flows.conftest import Project
from tests.flows.prefect_api import processes_with
from tests.flows.prefect_server import free_port
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@contextmanager
def served(project: Project, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The command at work, with a Prefect home of its own and what it says in `told`."""
    command = [sys.executable, "-m", "flows", "serve", "--port", str(port)]
    home = {"PREFECT_HOME": str(project.folder / "prefect"), "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    with (project.folder / "told").open("w") as told:
        process = subprocess.Popen(command, env=os.environ | home, cwd=project.folder, stdout=told, stderr=told)
        try:
            yield process
        finally:
            process.kill()
            process.wait(timeout=30)
            for left in processes_with(str(project.folder / "prefect").encode()):
                os.kill(left, signal.SIGKILL)


def told(project: Project) -> str:
    return (project.folder / "told").read_text()


def test_ctrl_c_ends_a_run_that_was_due_and_leaves_no_process(project: Project) -> None:
    project.change(schedule={"cron": "* * * * *"}, fuse={"kind": "equal"})
    port = free_port()
    with served(project, port) as process:
        wait_for(lambda: "'fuse_labels-small' - Finished" in told(project) or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=100) == 130
        assert processes_with(str(project.folder / "prefect").encode()) == {}
    assert f"Prefect: http://127.0.0.1:{port}" in told(project)
    assert "mifuse/small                made   * * * * * (UTC); next: " in told(project)
    assert "ending; what was finished or paid for is kept." in told(project)
    assert "Traceback" not in told(project)
    assert _states(project) == [("CANCELLED",)]  # not running, which would keep the deployment's only place
    fuse = next(line for line in project.mifuse("status", "small").output.splitlines() if "fuse_labels" in line)
    assert fuse.endswith(" fresh")


def _states(project: Project) -> list[tuple[str]]:
    with closing(sqlite3.connect(project.folder / "prefect" / "prefect.db")) as database:
        begun = "select state_type from flow_run where deployment_id is not null and start_time is not null"
        return database.execute(begun).fetchall()


def test_what_it_started_ends_with_it_even_when_it_is_killed(project: Project) -> None:
    project.change(schedule={"cron": "0 3 1 1 *"})
    port = free_port()
    with served(project, port) as process:
        wait_for(lambda: "Ctrl-C ends it." in told(project) or process.poll() is not None)
        api = httpx.get(f"http://127.0.0.1:{port}/ui-settings").json()["api_url"]
        assert api == f"http://127.0.0.1:{port}/api"  # else the UI looks for a server on the usual port
        process.kill()
        wait_for(lambda: not processes_with(str(project.folder / "prefect").encode()))


def test_nothing_to_serve_is_refused(project: Project) -> None:
    result = project.mifuse("serve")
    assert result.exit_code == 2
    assert "no pipeline has a schedule, so there is nothing to serve" in result.output


def test_a_server_that_does_not_answer_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    result = project.mifuse("serve", "small")
    assert result.exit_code == 2
    assert "PREFECT_API_URL is http://127.0.0.1:9/api, and no Prefect server answers there" in result.output


def test_a_port_that_is_taken_is_told(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = project.mifuse("serve", "small", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "Port" in result.output
