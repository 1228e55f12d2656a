"""With a real Prefect server, a work pool and a worker: deployments, their runs, and what the UI shows of them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.place import open_place
from tests.flows.conftest import Project
from tests.flows.prefect_api import (
    Json,
    ask_for_run,
    deployment,
    found,
    mifuse,
    processes_with,
    runs_of_stages,
    sent,
    state_of,
    wait_for_state,
    worker,
)
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NEVER = {"cron": "0 3 1 1 *", "timezone": "Europe/Berlin"}


@pytest.fixture(autouse=True)
def _no_deployments(prefect_url: str) -> Iterator[None]:
    """Each test finds a server without deployments."""
    yield
    for each in found(prefect_url, "deployments"):
        sent("DELETE", f"{prefect_url}/deployments/{each['id']}")


def deploy(project: Project, url: str, *words: str) -> str:
    done = mifuse(project, url, "deploy", *words)
    assert done.exit_code == 0, done.output
    return done.output


def test_deploying_again_updates_the_deployment(project: Project, prefect_url: str) -> None:
    project.change(schedule=NEVER | {"retries": 5, "max_cost_usd": 2})
    first = deploy(project, prefect_url)
    assert "mifuse/small                made   0 3 1 1 * (Europe/Berlin); next: " in first
    assert "-01-01 03:00 CET" in first
    assert "prefect worker start --pool mifuse" in first
    project.change(schedule={"every_minutes": 30})
    assert "updated   every 30 min (UTC); next: " in deploy(project, prefect_url)
    told = deployment(prefect_url)
    assert [each["schedule"]["interval"] for each in told["schedules"]] == [1800.0]
    assert told["parameters"] == {
        "pipeline": "small",
        "pipelines": str(project.folder / "pipelines.yaml"),
        "cache": str(project.cache),
        "retries": 2,
        "retry_delay_s": 600,
        "max_cost_usd": None,
    }


def test_a_deployment_runs_one_run_at_a_time_in_a_pool_of_processes(project: Project, prefect_url: str) -> None:
    project.change(schedule=NEVER)
    deploy(project, prefect_url, "--pool", "nightly")
    told = deployment(prefect_url)
    assert told["work_pool_name"] == "nightly"
    assert sent("GET", f"{prefect_url}/work_pools/nightly").json()["type"] == "process"
    assert told["global_concurrency_limit"]["limit"] == 1
    assert told["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert told["job_variables"]["env"]["DO_NOT_TRACK"] == "1"  # where the runs happen nobody else would say so
    assert told["entrypoint"] == "flows.pipeline.run_pipeline"


def test_a_server_that_forgets_who_holds_the_place_is_told(project: Project, prefect_url: str) -> None:
    project.change(schedule=NEVER)
    assert "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=prefect.server.concurrency.lease_storage.filesystem" in deploy(
        project, prefect_url
    )


def test_a_lost_schedule_is_told_and_pruned(project: Project, prefect_url: str) -> None:
    project.change(schedule=NEVER)
    deploy(project, prefect_url)
    project.change(schedule=None)
    assert "still runs, but it has no schedule any more; --prune removes it" in deploy(project, prefect_url)
    assert "removed: it has no schedule any more" in deploy(project, prefect_url, "--prune")
    assert found(prefect_url, "deployments") == []


def test_a_named_pipeline_needs_no_schedule(project: Project, prefect_url: str) -> None:
    assert "no schedule: starts when asked" in deploy(project, prefect_url, "small")
    assert deployment(prefect_url)["schedules"] == []


def test_nothing_to_deploy_is_refused(project: Project, prefect_url: str) -> None:
    done = mifuse(project, prefect_url, "deploy")
    assert done.exit_code == 2
    assert "no pipeline has a schedule. Give one, such as" in done.output


def test_a_pool_of_another_type_is_refused(project: Project, prefect_url: str) -> None:
    sent("POST", f"{prefect_url}/work_pools/", json={"name": "boxes", "type": "docker"})
    done = mifuse(project, prefect_url, "deploy", "small", "--pool", "boxes")
    assert done.exit_code == 2
    assert 'has a work pool of this name of type "docker"; expected "process"' in done.output


def test_without_a_server_the_commands_that_start_one_are_told(project: Project) -> None:
    done = mifuse(project, None, "deploy", "small")
    assert done.exit_code == 2
    assert "PREFECT_API_URL names none" in done.output
    assert "prefect server start`" in done.output
    assert "`prefect worker start --pool mifuse`" in done.output


def test_a_server_that_does_not_answer_is_told(project: Project) -> None:
    done = mifuse(project, "http://127.0.0.1:9/api", "deploy", "small")
    assert done.exit_code == 2
    assert "PREFECT_API_URL is http://127.0.0.1:9/api, and no Prefect server answers there" in done.output


def test_a_scheduled_run_happens_and_the_next_finds_everything_fresh(
    project: Project, prefect_url: str, tmp_path: Path
) -> None:
    project.change(schedule={"cron": "* * * * *"}, fuse={"kind": "equal"})
    deploy(project, prefect_url)
    with worker(prefect_url, tmp_path / "told"):
        first = wait_for(lambda: _begun(prefect_url))
        assert first["auto_scheduled"]
        project.change(schedule=NEVER)
        deploy(project, prefect_url)
        wait_for_state(prefect_url, first["id"], "COMPLETED")
        assert {"fuse.kind: mutual_information → equal"} == _whys(prefect_url, first["id"], "fuse_labels")
        before = runs_of_stages(prefect_url)
        second = wait_for_state(prefect_url, ask_for_run(prefect_url), "COMPLETED")
    assert second["message"] == "everything is fresh; nothing run, no call made"
    assert runs_of_stages(prefect_url) == before
    _check_artifacts(prefect_url, first["id"], project)


def _begun(url: str) -> Json | None:
    begun = [run for run in found(url, "flow_runs") if run["deployment_id"] and run["start_time"]]
    return begun[0] if begun else None


def _artifact(url: str, run: str, what: str) -> str:
    (only,) = [each for each in found(url, "artifacts") if (each["flow_run_id"], each["key"]) == (run, f"small-{what}")]
    return str(only["data"])


def _whys(url: str, run: str, stage: str) -> set[str]:
    return {row["why"] for row in json.loads(_artifact(url, run, "reasons")) if row["stage"] == stage}


def _check_artifacts(url: str, run: str, project: Project) -> None:
    reasons = {row["stage"]: row for row in json.loads(_artifact(url, run, "reasons"))}
    assert [reasons[stage]["ran"] for stage in ("query_lalm.lalm", "fuse_labels", "train_student")] == [
        "",
        "yes",
        "yes",
    ]
    metrics = json.loads((project.results / "metrics.json").read_text())
    shown = {row["system"]: row for row in json.loads(_artifact(url, run, "metrics"))}
    assert shown["student"]["ua"] == metrics["student"]["ua"]
    (cost,) = json.loads(_artifact(url, run, "cost"))
    assert (cost["teacher"], cost["calls now"], cost["dollars now"]) == ("lalm", 0, 0.0)
    assert cost["input tokens in all"] > 0
    assert f"({(project.results / 'report.html').as_uri()})" in _artifact(url, run, "report")


def test_a_second_run_is_refused_and_a_killed_one_blocks_nothing(
    project: Project, prefect_url: str, tmp_path: Path
) -> None:
    project.change(schedule=NEVER)
    deploy(project, prefect_url)
    with worker(prefect_url, tmp_path / "told"):
        with open_place("small", project.folder / "pipelines.yaml", project.cache).alone():
            first = ask_for_run(prefect_url)
            wait_for_state(prefect_url, first, "RUNNING")
            second = wait_for_state(prefect_url, ask_for_run(prefect_url), "CANCELLED")
            assert second["message"] == "Deployment concurrency limit reached."
            assert state_of(prefect_url, first)["type"] == "RUNNING"
            (engine,) = processes_with(f"PREFECT__FLOW_RUN_ID={first}".encode())
            os.kill(engine, signal.SIGKILL)
            wait_for_state(prefect_url, first, "CRASHED")
        wait_for_state(prefect_url, ask_for_run(prefect_url), "COMPLETED")
