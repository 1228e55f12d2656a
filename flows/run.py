"""`mifuse run`: looks first, asks before spending, and starts Prefect only when there is something to do."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from flows.cost import Estimate, estimate_costs
from flows.freshness import Verdict
from flows.place import Place, open_place
from flows.show import print_results
from flows.steps import Steps, tell_kept
from tasks.contracts.errors import SettingsError

_ASK_FROM_USD = 1.0


@dataclass(frozen=True)
class RunOptions:
    """The options of `mifuse run`."""

    only: str | None = None
    start_from: str | None = None
    force: tuple[str, ...] = ()
    max_cost_usd: float | None = None
    yes: bool = False


def run_stale(pipeline: str, pipelines: Path, cache: Path, options: RunOptions) -> None:
    """Runs what is stale and prints the table."""
    place = open_place(pipeline, pipelines, cache)
    steps = Steps(options.only, options.start_from, options.force)
    chosen = {node.name for node in steps.chosen(place.nodes)}
    verdicts = [verdict for verdict in place.examine() if verdict.node.name in chosen]
    show_again_what_is_kept(place, verdicts)
    stale = [v for v in verdicts if v.needs_work or v.node.stage in options.force]
    if not stale:
        print(f"{pipeline}: everything is fresh; nothing to run, no call made.")
        print_results(place)
        return
    confirm_cost(estimate_costs(place, [verdict.node for verdict in stale]), options)
    print(f"{pipeline}: {len(stale)} of {len(verdicts)} stages to run")
    show_prefect_wait()
    from flows.pipeline import run_pipeline

    run_pipeline(
        pipeline,
        str(pipelines),
        str(cache),
        options.only,
        options.start_from,
        list(options.force),
        options.max_cost_usd,
    )
    tell_outcome(place)


def tell_outcome(place: Place) -> None:
    """The table, or after a part of the DAG what is stale now: an old table would mislead."""
    stale = [verdict.node.name for verdict in place.examine() if not verdict.is_fresh]
    if stale:
        print(f"still stale: {', '.join(stale)}. `mifuse status {place.name}` says why.")
    else:
        print_results(place)


def show_again_what_is_kept(place: Place, verdicts: list[Verdict]) -> None:
    """Going back to earlier settings costs a link."""
    for verdict in verdicts:
        if verdict.kept and not verdict.is_fresh:
            place.store.show(verdict.node, verdict.kept)
            tell_kept(verdict.node)


def confirm_cost(estimate: Estimate, options: RunOptions) -> None:
    """Asks a person from $1 on.

    Raises:
        SettingsError: Nobody can be asked and there is no ceiling, or the answer was no.
    """
    if estimate.usd < _ASK_FROM_USD and not estimate.unpriced:
        return
    print(estimate.told())
    ceiling = options.max_cost_usd or estimate.ceiling_usd
    if options.yes or (not sys.stdin.isatty() and ceiling is not None):
        return
    if not sys.stdin.isatty():
        raise SettingsError(
            f"the run needs {estimate.told().strip()}, and nobody can be asked. Set teachers.….max_cost_usd in "
            "pipelines.yaml or give --max-cost-usd, or agree with --yes."
        )
    if not click.confirm("Go on?"):
        raise SettingsError("not agreed; nothing was spent.")


def show_prefect_wait() -> None:
    """Prefect's own server takes up to 10 s to start where PREFECT_API_URL names none; silence looks like a hang."""
    if sys.stderr.isatty():
        click.echo("  starting Prefect …", err=True)
