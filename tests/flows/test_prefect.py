"""With a real Prefect server: the flows are seen there, and a finished pipeline leaves no trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.flows.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAGES = {"index_clips", "query_lalm", "mc_dropout", "fuse_labels", "train_student", "evaluate_student"}


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
