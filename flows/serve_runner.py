"""The process that `mifuse serve` starts: makes the deployments, and starts a process for each run that is due."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.states import Crashed

from flows.deploy import named_pipelines, told
from flows.deployments import Files, deployment_of, known_deployments, server
from flows.pipeline import run_pipeline


def main(given: str) -> None:
    """Runs until SIGINT, or until the process that started it is gone."""
    work = json.loads(given)
    threading.Thread(target=_end_with_parent, args=[work["server"]], daemon=True).start()
    files = Files(Path(work["pipelines"]), Path(work["cache"]))
    chosen = named_pipelines(tuple(work["names"]), files)
    with server() as client:
        if work["server"] is not None:
            close_lost_runs(client, work["names"])
        known = known_deployments(client)
    deployments = [deployment_of(name, settings, files) for name, settings in chosen.items()]
    lines = [told(name, settings, known.get(name), files) for name, settings in chosen.items()]
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(deployments, lines))


async def _serve(deployments: list[RunnerDeployment], lines: list[str]) -> None:
    runner = Runner(name="mifuse serve", limit=None)
    for deployment in deployments:
        await runner.aadd_deployment(deployment)
    print("\n".join(lines))
    print("Ctrl-C ends it.", flush=True)
    work = asyncio.ensure_future(runner.start())
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: asyncio.ensure_future(_stop(runner, work)))
    with suppress(asyncio.CancelledError):
        await work


async def _stop(runner: Runner, work: asyncio.Future[None]) -> None:
    """Ends the runs and tells the server so: a run that it takes for running would keep its deployment's only place."""
    if runner.started:
        await runner.astop()
    else:
        work.cancel()


def close_lost_runs(client: SyncPrefectClient, names: Sequence[str]) -> None:
    """Tells a server that was just started which runs of these pipelines' deployments died with the last one.

    No others: servers on other ports, and the temporary ones of runs by hand, have the same database.
    """
    begun = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    lost = FlowRunFilter(state=FlowRunFilterState(type=begun))
    ours = FlowFilter(name=FlowFilterName(any_=[run_pipeline.name]))
    theirs = DeploymentFilter(name=DeploymentFilterName(any_=list(names)))
    while runs := client.read_flow_runs(flow_filter=ours, deployment_filter=theirs, flow_run_filter=lost):
        for run in runs:
            client.set_flow_run_state(run.id, Crashed(message="Ended with the machine or the server."), force=True)


def _end_with_parent(server_pid: int | None) -> None:
    """Its end of our standard input closes when it dies, by SIGKILL too; then nobody else ends the server."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
    if server_pid is not None:
        with suppress(ProcessLookupError):
            os.kill(server_pid, signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1])
