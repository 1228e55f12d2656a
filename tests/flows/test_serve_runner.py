"""What `mifuse serve` does before it waits for what is due."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deployments import server
from flows.serve_runner import close_lost_runs
from tests.flows.prefect_api import sent, state_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def running(url: str, flow: str, deployment: str | None) -> str:
    """A run that nobody works at; its id."""
    made: dict[str, Any] = {"flow_id": sent("POST", f"{url}/flows/", json={"name": flow}).json()["id"]}
    if deployment is not None:
        told = made | {"name": deployment}
        made["deployment_id"] = sent("POST", f"{url}/deployments/", json=told).json()["id"]
    run = sent("POST", f"{url}/flow_runs/", json=made | {"state": {"type": "RUNNING"}}).json()
    return str(run["id"])


def test_lost_runs_of_the_served_pipelines_are_closed_and_no_others(prefect_url: str) -> None:
    lost = running(prefect_url, "mifuse", "calls")
    others = [running(prefect_url, *of) for of in (("mifuse", "visits"), ("mifuse", None), ("theirs", "calls"))]
    with temporary_settings({PREFECT_API_URL: prefect_url}), server() as client:
        close_lost_runs(client, ["calls"])
    assert state_of(prefect_url, lost)["type"] == "CRASHED"
    assert [state_of(prefect_url, run)["type"] for run in others] == ["RUNNING"] * 3
