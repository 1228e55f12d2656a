"""Command line: `mifuse …`. Light on purpose: Prefect, torch and the SDKs are imported by what needs them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import flows.quiet  # noqa: F401
from flows.cache_cli import cache
from flows.deploy_cli import deploy, serve
from flows.interrupt import EXIT_CODE, prompt_interrupt
from flows.located import located
from flows.student_cli import export, predict, train_source
from tasks.contracts.errors import MifuseError
from tasks.storage.disks import disk_error, raised_by_disks
from tasks.storage.listed_once import listed_once


class _Commands(click.Group):
    """Errors that a user can act on become one block; Ctrl-C becomes exit code 130."""

    def invoke(self, context: click.Context) -> None:
        try:
            with prompt_interrupt(), listed_once():
                super().invoke(context)
        except MifuseError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)
        except raised_by_disks() as error:
            if (told := disk_error(error)) is None:
                raise
            click.echo(f"error: {told}", err=True)
            sys.exit(told.exit_code)
        except (KeyboardInterrupt, click.Abort):
            sys.exit(EXIT_CODE)

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which they are used, not of the alphabet


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mifuse")
def main() -> None:
    """Unlabelled speech, a source-trained classifier and a paid audio-language model → pseudo-labels and a student."""


@main.command()
@click.option("--seed", default=0, show_default=True, help="Of the synthetic corpora.")
@located
def demo(where: tuple[Path, Path], seed: int) -> None:
    """The whole pipeline on two small synthetic corpora.

    No key, no GPU, no download. Writes below CACHE/demo and the cache's shared folders.
    """
    from flows.demo import run_demo

    run_demo(*where, seed)


@main.command()
@click.argument("pipeline", required=False)
@located
def check(where: tuple[Path, Path], pipeline: str | None) -> None:
    """Is pipelines.yaml sound? Every mistake at once."""
    from flows.show import show_check

    show_check(where[0], pipeline)


@main.command()
@click.argument("pipeline")
@click.option("--only", metavar="STAGE", help="This stage and no other.")
@click.option("--from", "start_from", metavar="STAGE", help="This stage and those after it.")
@click.option("--force", metavar="STAGE", multiple=True, help="Run this stage even if it is fresh.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@located
def plan(
    where: tuple[Path, Path],
    pipeline: str,
    only: str | None,
    start_from: str | None,
    force: tuple[str, ...],
    as_json: bool,
) -> None:
    """What `mifuse run` would do, why, at what price and for how long; spends nothing."""
    from flows.plan import show_plan
    from flows.steps import Steps

    show_plan(pipeline, *where, Steps(only, start_from, force), as_json=as_json)


@main.command()
@click.argument("pipeline")
@click.option("--only", metavar="STAGE", help="This stage and no other.")
@click.option("--from", "start_from", metavar="STAGE", help="This stage and those after it.")
@click.option("--force", metavar="STAGE", multiple=True, help="Run this stage even if it is fresh.")
@click.option(
    "--max-cost-usd", type=click.FloatRange(min=0, min_open=True), help="Lowers the ceiling of pipelines.yaml."
)
@click.option("--yes", is_flag=True, help="Do not ask before spending more than $1.")
@click.option("--retry", metavar="STATUS,…", help="Ask again for answers that are refused, unparsable or both.")
@click.option("--reparse", is_flag=True, help="Read all stored answers again, without a call.")
@located
def run(
    where: tuple[Path, Path],
    pipeline: str,
    only: str | None,
    start_from: str | None,
    force: tuple[str, ...],
    max_cost_usd: float | None,
    yes: bool,
    retry: str | None,
    reparse: bool,
) -> None:
    """Run what is stale; pay only for what is new."""
    from flows.run import RunOptions, run_stale

    statuses = tuple(status.strip() for status in (retry or "").split(",") if status.strip())
    run_stale(pipeline, *where, RunOptions(only, start_from, force, max_cost_usd, yes, statuses, reparse))


@main.command()
@click.argument("pipeline", required=False)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--verbose", is_flag=True, help="List the clips that were added, removed, changed or renamed.")
@click.option("--deep", is_flag=True, help="Hash outputs again even if their size and time did not change.")
@located
def status(where: tuple[Path, Path], pipeline: str | None, as_json: bool, verbose: bool, deep: bool) -> None:
    """Which stages are fresh or stale, and why."""
    from flows.status import show_status

    show_status(pipeline, *where, as_json=as_json, verbose=verbose, deep=deep)


@main.command()
@click.argument("pipeline")
@click.option("--where", "condition", metavar="SQL", help="For example 'lalm_mi > 0.5 AND NOT agreement'.")
@click.option("--sort", default="margin", show_default=True, metavar="COLUMN", help='Prefix with "-" for descending.')
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write all chosen rows and columns there.")
@located
def inspect(
    where: tuple[Path, Path], pipeline: str, condition: str | None, sort: str, limit: int, csv_file: Path | None
) -> None:
    """Look at the pseudo-labels."""
    from flows.show import show_labels

    show_labels(pipeline, *where, condition=condition, sort=sort, limit=limit, csv_file=csv_file)


@main.command()
@click.argument("pipeline")
@located
def report(where: tuple[Path, Path], pipeline: str) -> None:
    """The last run's table, and where its HTML report is."""
    from flows.show import show_results

    show_results(pipeline, *where)


for _command in (predict, export, train_source, deploy, serve, cache):
    main.add_command(_command)


@main.command("lalm-server")
@click.option("--port", default=8765, show_default=True)
@click.option("--faults", metavar="SPEC", help="For example 429:0.1,503*3 (see docs/loopback.md).")
@click.option("--latency-s", default=0.0, show_default=True, help="How long each answer takes at least.")
@click.option("--requests-per-minute", type=int, help="Answer 429 beyond it.")
@click.option("--batch-s", default=0.0, show_default=True, help="How long a batch takes.")
def lalm_server(
    port: int, faults: str | None, latency_s: float, requests_per_minute: int | None, batch_s: float
) -> None:
    """Serve the loopback LALM in the wire formats of Gemini, OpenAI and Anthropic."""
    from tasks.contracts.errors import SettingsError
    from tasks.teachers.loopback.server import serve_forever

    try:
        serve_forever(
            port=port, faults=faults, latency_s=latency_s, requests_per_minute=requests_per_minute, batch_s=batch_s
        )
    except ValueError as error:
        raise SettingsError(f"lalm-server: {error}") from error


if __name__ == "__main__":
    main()
