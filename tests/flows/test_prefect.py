"""With a real Prefect server: the flows are seen there, and a finished pipeline leaves no trace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.flows.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAGES = {"index_clips", "query_lalm", "mc_dropout", "fuse_labels", "train_student", "evaluate_student"}


@pytest.fixture(scope="module")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `prefect server start` on a free port with a new home."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("prefect")
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        command, env=os.environ | {"PREFECT_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/api"
    try:
        _wait_until_healthy(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, "the Prefect server ended by itself"
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            continue
    pytest.fail("the Prefect server did not become healthy")


def run(project: Project, url: str) -> str:
    words = ["run", "small", "--pipelines", str(project.folder / "pipelines.yaml")]
    done = subprocess.run(
        [sys.executable, "-m", "flows", *words],
        env=os.environ | {"PREFECT_API_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def flow_runs(url: str) -> list[dict[str, str]]:
    runs: list[dict[str, str]] = httpx.post(f"{url}/flow_runs/filter", json={}).raise_for_status().json()
    return runs


def names_of_flows(url: str) -> set[str]:
    flows = httpx.post(f"{url}/flows/filter", json={}).raise_for_status().json()
    return {flow["name"] for flow in flows}


def test_each_stage_is_a_flow_run_in_the_server_and_a_fresh_run_is_none(
    project: Project, prefect_url: str, tmp_path: Path
) -> None:
    import shutil

    shutil.rmtree(project.cache)
    assert "report" in run(project, prefect_url)
    assert names_of_flows(prefect_url) == STAGES | {"mifuse", "shards"}  # shards: of the encoder's pass
    runs = flow_runs(prefect_url)
    assert len(runs) == 8
    assert {each["state_type"] for each in runs} == {"COMPLETED"}
    assert "everything is fresh" in run(project, prefect_url)
    assert len(flow_runs(prefect_url)) == 8
