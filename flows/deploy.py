"""`mifuse deploy`: tells a Prefect server which pipelines to run, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.deployments import (
    Files,
    check_server,
    deployment_of,
    known_deployments,
    make_pool,
    server,
    server_forgets_leases,
)
from flows.quiet import LEASES_ON_DISK
from flows.settings import PipelineSettings, read_pipelines
from tasks.contracts.errors import SettingsError

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse


def deploy_pipelines(names: tuple[str, ...], files: Files, pool: str, *, prune: bool) -> None:
    """Makes or updates one deployment per pipeline, and says what runs when, and what has to be started for it.

    Raises:
        SettingsError: Nothing to deploy, no server, or a mistake in pipelines.yaml.
    """
    if names and prune:
        raise SettingsError("--prune looks through the whole of pipelines.yaml: name no pipeline with it.")
    chosen = named_pipelines(names, files) if names else scheduled_pipelines(files)
    check_server(pool)
    with server() as client:
        known = known_deployments(client)
        lost = {} if names else _lost(known, files)
        if not chosen and not lost:
            raise SettingsError(_NOTHING.format(files.pipelines))
        if make_pool(client, pool):
            print(f"work pool {pool} made")
        for name, settings in chosen.items():
            deployment_of(name, settings, files, pool).apply()
            print(told(name, settings, known.get(name), files))
        for name, why in lost.items():
            if prune:
                client.delete_deployment(known[name].id)
            is_now = "removed:" if prune else "still runs, but"
            print(f"mifuse/{name:<20} {is_now} {why}{'' if prune else '; --prune removes it'}")
        if server_forgets_leases(client):
            print(_FORGETFUL)
    print(f"They run while a worker does: prefect worker start --pool {pool}")
    print("It needs this machine's files, and the API keys in its environment.")


_NOTHING = (
    "{}: no pipeline has a schedule. Give one, such as "
    '`schedule: {{cron: "0 3 * * *", timezone: Europe/Berlin}}`, or name the pipelines to deploy without.'
)
_FORGETFUL = (
    "This server keeps in memory which run holds a deployment's only place: if it is restarted during a run, the run "
    "is cancelled, or the place stays taken. Start it with PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=" + LEASES_ON_DISK
)


def named_pipelines(names: tuple[str, ...], files: Files) -> dict[str, PipelineSettings]:
    """These, with a schedule or without; a mistake in another is no matter."""
    return {name: read_pipelines(files.pipelines, only=name)[name] for name in names}


def scheduled_pipelines(files: Files) -> dict[str, PipelineSettings]:
    """All that have a schedule."""
    return {name: each for name, each in read_pipelines(files.pipelines).items() if each.schedule}


def told(name: str, settings: PipelineSettings, before: DeploymentResponse | None, files: Files) -> str:
    """One line: made or updated, when, and what it replaces."""
    line = f"mifuse/{name:<20} {'made' if before is None else 'updated'}"
    if settings.schedule is None:
        line += "   no schedule: starts when asked, in the UI or by `prefect deployment run`"
    else:
        upcoming = settings.schedule.next_after(datetime.now(UTC))
        line += f"   {settings.schedule.told()}; next: {upcoming:%Y-%m-%d %H:%M %Z}"
    other = before.parameters.get("pipelines") if before else None
    return line if other in (None, str(files.pipelines)) else f"{line}; it was that of {other}"


def _lost(known: Mapping[str, DeploymentResponse], files: Files) -> dict[str, str]:
    """Deployments made from this pipelines.yaml that it does not ask for any more, and why."""
    pipelines = read_pipelines(files.pipelines)
    lost: dict[str, str] = {}
    for name, deployment in known.items():
        if deployment.parameters.get("pipelines") != str(files.pipelines):
            continue
        if name not in pipelines:
            lost[name] = "pipelines.yaml has no such pipeline any more"
        elif deployment.schedules and pipelines[name].schedule is None:
            lost[name] = "it has no schedule any more"
    return lost
