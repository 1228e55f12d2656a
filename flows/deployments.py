"""What a Prefect server is told of a pipeline: one deployment with its schedule, one run at a time."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Interval, Schedule
from prefect.settings import PREFECT_API_URL
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from flows.pipeline import run_pipeline
from flows.quiet import LEASES_ON_DISK
from flows.schedule import ScheduleSettings
from tasks.contracts.errors import SettingsError

if TYPE_CHECKING:
    from flows.settings import PipelineSettings

_START = f"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE={LEASES_ON_DISK} prefect server start"


@dataclass(frozen=True)
class Files:
    """Where the pipelines stand, and their cache: absolute, since a worker starts runs in a folder of its own."""

    pipelines: Path
    cache: Path


def check_server(pool: str) -> None:
    """Raises SettingsError where no Prefect server is named, or none answers."""
    commands = f"Start one with `{_START}`, and what runs the pipelines with `prefect worker start --pool {pool}`."
    url = PREFECT_API_URL.value()
    if url is None:
        raise SettingsError(
            "deployments need a Prefect server that stays, and PREFECT_API_URL names none (expected, for example, "
            f"http://127.0.0.1:4200/api). {commands} On one machine `mifuse serve` does all of it."
        )
    try:
        urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=10).close()
    except (OSError, ValueError) as error:
        told = f"PREFECT_API_URL is {url}, and no Prefect server answers there ({error})"
        raise SettingsError(f"{told}. {commands}") from error


def deployment_of(name: str, settings: PipelineSettings, files: Files, pool: str | None = None) -> RunnerDeployment:
    """The deployment `mifuse/<name>`, not yet told to the server. Without a pool, `mifuse serve` runs it itself."""
    limit = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    made = run_pipeline.to_deployment(
        name=name,
        schedule=_schedule(settings.schedule) if settings.schedule else None,
        concurrency_limit=limit,
        parameters=_parameters(name, settings.schedule, files),
        description=f"Runs what is stale of pipeline {name} in {files.pipelines}. One run at a time.",
        tags=["mifuse"],
        paused=False,  # `mifuse serve` pauses it when it ends
        work_pool_name=pool,
        # What the stages print is then found in the UI, with the run.
        job_variables={"env": {"PREFECT_LOGGING_LOG_PRINTS": "true", "DO_NOT_TRACK": "1"}} if pool else None,
        entrypoint_type=EntrypointType.MODULE_PATH,  # found wherever mifuse is installed
    )
    assert isinstance(made, RunnerDeployment)  # in an event loop it would be a coroutine
    return made


def _parameters(name: str, schedule: ScheduleSettings | None, files: Files) -> dict[str, Any]:
    where = {"pipeline": name, "pipelines": str(files.pipelines), "cache": str(files.cache)}
    if schedule is None:
        return where
    patience = {"retries": schedule.retries, "retry_delay_s": schedule.retry_delay_s}
    return where | patience | {"max_cost_usd": schedule.max_cost_usd}


def _schedule(schedule: ScheduleSettings) -> Schedule:
    if schedule.cron is not None:
        return Cron(schedule.cron, timezone=schedule.timezone)
    interval = timedelta(minutes=schedule.every_minutes or 0)
    return Interval(interval, anchor_date=schedule.anchor, timezone=schedule.timezone)


def make_pool(client: SyncPrefectClient, pool: str) -> bool:
    """A work pool whose worker starts a process for each run; True if it was not there.

    Raises:
        SettingsError: One of this name is of another type.
    """
    try:
        found = client.read_work_pool(pool)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=pool, type="process", base_job_template=template))
        return True
    if found.type != "process":
        raise SettingsError(
            f'--pool {pool}: the server has a work pool of this name of type "{found.type}"; expected "process". '
            "Give another name, or make the deployment by hand."
        )
    return False


def known_deployments(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """The server's deployments of this flow, by the pipeline's name."""
    ours = FlowFilter(name=FlowFilterName(any_=[run_pipeline.name]))
    found: list[DeploymentResponse] = []
    while page := client.read_deployments(flow_filter=ours, limit=200, offset=len(found)):
        found += page
    return {deployment.name: deployment for deployment in found}


def server() -> SyncPrefectClient:
    """A client of the server that PREFECT_API_URL names."""
    return get_client(sync_client=True)


def server_forgets_leases(client: SyncPrefectClient) -> bool:
    """Whether the server, once restarted, no longer knows which run holds a deployment's only place."""
    settings = client.request("GET", "/admin/settings").json()
    storage = settings.get("server", {}).get("concurrency", {}).get("lease_storage", "")
    return str(storage).endswith(".memory")
