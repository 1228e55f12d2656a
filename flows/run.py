"""`mifuse run`: looks first, asks before spending, and starts Prefect only when there is something to do."""

from __future__ import annotations

import os
import signal
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import click

from flows.cost import estimate_costs
from flows.estimate import Estimate, can_ask, check_ceiling, check_priced
from flows.freshness import Verdict
from flows.place import Place, look_at_place
from flows.show import print_results
from flows.steps import Steps, tell_kept
from tasks.contracts.errors import SettingsError
from tasks.storage.files import make_folder


@dataclass(frozen=True)
class RunOptions:
    """The options of `mifuse run`."""

    only: str | None = None
    start_from: str | None = None
    force: tuple[str, ...] = ()
    max_cost_usd: float | None = None
    yes: bool = False
    retry: tuple[str, ...] = ()
    reparse: bool = False

    @property
    def steps(self) -> Steps:
        """Which stages, and which answers."""
        return Steps(self.only, self.start_from, self.force, self.retry, self.reparse)


def run_stale(pipeline: str, pipelines: Path, cache: Path, options: RunOptions) -> None:
    """Runs what is stale and prints the table."""
    place = look_at_place(pipeline, pipelines, cache)
    steps = options.steps
    chosen = steps.chosen(place.nodes)
    place.fetch_clips(chosen)
    verdicts = _look(place)
    stale = steps.to_run(verdicts)
    if stale:
        make_folder(cache)  # not before: what is fresh is so on a read-only disk too
        place.check_ready([verdict.node for verdict in stale])
        estimate = estimate_costs(place, verdicts, stale, steps)
        for teacher in estimate.asks:
            place.settings.paid[teacher].check_asked(place.settings.classes)
        confirm_cost(estimate, options)
        print(f"{pipeline}: {len(stale)} of {len(verdicts)} stages to run")
        _run_in_prefect(place, options, estimate)
    else:
        what = "everything is" if len(chosen) == len(verdicts) else ", ".join(node.name for node in chosen) + ":"
        print(f"{pipeline}: {what} fresh; nothing to run, no call made.")
    tell_outcome(place)


def _look(place: Place) -> list[Verdict]:
    """What is stale, once earlier results that will do again are shown."""
    verdicts = place.examine()
    if any(verdict.goes_back for verdict in verdicts):
        with place.alone():  # a run at work reads what is shown, and must not find another result under its feet
            verdicts = place.examine()
            for node in place.show_kept(verdicts):
                tell_kept(node)
    for verdict in verdicts:
        if verdict.is_fresh and verdict.fingerprint is not None:
            place.store.note_times(verdict.node, verdict.fingerprint)
    return verdicts


def _run_in_prefect(place: Place, options: RunOptions, estimate: Estimate) -> None:
    prepare_prefect()
    from flows.pipeline import run_pipeline
    from flows.prefect_gone import told_when_prefect_is_gone
    from flows.shared_quota import check_shared

    check_shared(place.settings, estimate.asks)
    with told_when_prefect_is_gone():
        run_pipeline(
            place.name,
            str(place.pipelines),
            str(place.cache),
            options.only,
            options.start_from,
            list(options.force),
            options.max_cost_usd,
            list(options.retry),
            options.reparse,
            agreed=True,
        )


def tell_outcome(place: Place) -> None:
    """The table, or after a part of the DAG what is stale now: an old table would mislead."""
    stale = [verdict.node.name for verdict in place.examine() if not verdict.is_fresh]
    if stale:
        print(f"still stale: {', '.join(stale)}. `mifuse status {place.name}` says why.")
    else:
        print_results(place)


def confirm_cost(estimate: Estimate, options: RunOptions) -> None:
    """Asks a person from $1 on.

    Raises:
        SettingsError: Nobody can be asked and there is no ceiling, or the answer was no.
    """
    check_priced(estimate, options.max_cost_usd)
    if not estimate.needs_consent:
        return
    print(estimate.told())
    if not can_ask():
        check_ceiling(estimate, options.max_cost_usd)
        return
    if options.yes:
        return
    # Polars' handler restarts a read that Ctrl-C has interrupted: the question would swallow it until Enter is pressed.
    signal.siginterrupt(signal.SIGINT, True)
    if not click.confirm("Go on?"):
        raise SettingsError("not agreed; nothing was spent.")


def prepare_prefect() -> None:
    """Says that Prefect starts, which takes up to 10 s where it starts a server of its own: silence looks like a hang.

    Raises:
        SettingsError: PREFECT_API_URL names a server that does not answer.
    """
    url = os.environ.get("PREFECT_API_URL")
    if url:
        try:
            urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=10).close()
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"PREFECT_API_URL is {url}, and no Prefect server answers there ({error}). Start one with "
                "`prefect server start`, or unset the variable: then Prefect starts a temporary one."
            ) from error
    if sys.stderr.isatty():
        click.echo("  starting Prefect …", err=True)
