"""What the tests ask of a Prefect server, and the processes that they start beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from click.testing import Result
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.flows.conftest import Project
from tests.waiting import wait_for

Json = dict[str, Any]


def mifuse(project: Project, url: str | None, *words: str) -> Result:
    """The command line in this process, with this server as PREFECT_API_URL."""
    with temporary_settings({PREFECT_API_URL: url} if url else {}):
        return project.mifuse(*words)


def found(url: str, what: str, **wanted: Any) -> list[Json]:
    """All flows, deployments, flow_runs, artifacts … that fit."""
    answer: list[Json] = sent("POST", f"{url}/{what}/filter", json=wanted).json()
    return answer


def sent(method: str, path: str, **body: Any) -> httpx.Response:
    """The answer; asked again while the server's SQLite is busy, as Prefect's own client does."""

    def ask() -> httpx.Response | None:
        response = httpx.request(method, path, timeout=30, **body)
        return None if response.status_code == 503 else response.raise_for_status()

    answer = wait_for(ask)
    assert answer is not None
    return answer


def deployment(url: str) -> Json:
    """The only one."""
    (only,) = found(url, "deployments")
    return only


def ask_for_run(url: str) -> str:
    """Starts the only deployment, as its button in the UI does; the flow run's id."""
    path = f"{url}/deployments/{deployment(url)['id']}/create_flow_run"
    made = sent("POST", path, json={"state": {"type": "SCHEDULED"}}).json()
    return str(made["id"])


def runs_of_stages(url: str) -> int:
    """How many flow runs there are that no deployment started."""
    return sum(run["deployment_id"] is None for run in found(url, "flow_runs"))


def state_of(url: str, run: str) -> Json:
    """The flow run's state now."""
    state: Json = sent("GET", f"{url}/flow_runs/{run}").json()["state"]
    return state


def wait_for_state(url: str, run: str, wanted: str) -> Json:
    """The flow run's state, once it is of this type."""
    return wait_for(lambda: state if (state := state_of(url, run))["type"] == wanted else None)


def processes_with(words: bytes) -> dict[int, bytes]:
    """Processes of this machine with these words in their environment: process id → command line."""
    seen: dict[int, bytes] = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and words in (folder / "environ").read_bytes():
                seen[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:  # it has ended meanwhile, or is another user's
            continue
    return seen


@contextmanager
def worker(url: str, told: Path) -> Iterator[None]:
    """`prefect worker start` on the pool mifuse, with what it prints in a file."""
    environment = os.environ | {"PREFECT_API_URL": url, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "mifuse"]
    with told.open("w") as out:
        process = subprocess.Popen(command, env=environment, cwd=told.parent, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.kill()
            process.wait(timeout=30)
