"""Command line: `mifuse deploy` and `mifuse serve`."""

from __future__ import annotations

from pathlib import Path

import click

from flows.located import located


@click.command()
@click.argument("pipelines_named", metavar="[PIPELINE]…", nargs=-1)
@click.option("--pool", default="mifuse", show_default=True, help="Work pool of type process; made if missing.")
@click.option("--prune", is_flag=True, help="Remove deployments that pipelines.yaml does not ask for any more.")
@located
def deploy(where: tuple[Path, Path], pipelines_named: tuple[str, ...], pool: str, prune: bool) -> None:
    """Tell a Prefect server to run pipelines by their schedules.

    Those named, else all that have `schedule:` in pipelines.yaml. Again after a change. PREFECT_API_URL names the
    server; `prefect worker start --pool mifuse` then runs them, one run of each at a time.
    """
    from flows.deploy import deploy_pipelines
    from flows.deployments import Files

    deploy_pipelines(pipelines_named, Files(*where), pool, prune=prune)


@click.command()
@click.argument("pipelines_named", metavar="[PIPELINE]…", nargs=-1)
@click.option("--port", default=4200, show_default=True, help="Of the Prefect server that is started.")
@located
def serve(where: tuple[Path, Path], pipelines_named: tuple[str, ...], port: int) -> None:
    """Run pipelines by their schedules on this machine, until Ctrl-C.

    Starts a Prefect server for it, with its UI, unless PREFECT_API_URL names one. Ctrl-C or SIGTERM ends all of it
    within seconds, with exit code 130; what was finished or paid for is kept, and the schedules rest until the next
    `mifuse serve`.
    """
    from flows.serve import serve_pipelines

    serve_pipelines(pipelines_named, *where, port)
