"""Command line: `mifuse cache …`."""

from __future__ import annotations

from pathlib import Path

import click

from flows.located import located


@click.group()
def cache() -> None:
    """What the cache holds and what it cost; whether it is sound; taking things out of it."""


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@located
def ls(where: tuple[Path, Path], as_json: bool) -> None:
    """Folders and who uses them, stored results, answers by model and prompt, dollars by month."""
    from flows.cache_ls import list_cache

    list_cache(where[1], where[0], as_json=as_json)


@cache.command()
@located
def verify(where: tuple[Path, Path]) -> None:
    """Is everything readable, and as it was written? Changes nothing.

    Exit code 2 and a list if not.
    """
    from flows.cache_verify import verify_cache

    verify_cache(where[1])


@cache.command()
@click.option("--unused", is_flag=True, help="What no pipeline shows, would show again or can go on with. No answers.")
@click.option(
    "--pipeline",
    "taken_out",
    metavar="NAME",
    multiple=True,
    help="The folder that shows this pipeline's results; they stay stored.",
)
@click.option("--answers", is_flag=True, help="Stored answers, which were paid for: with a choice or --all.")
@click.option("--model", "models", metavar="MODEL", multiple=True, help="Answers of this model.")
@click.option("--prompt", "prompts", metavar="PROMPT", multiple=True, help="Answers to this prompt.")
@click.option(
    "--status",
    "statuses",
    type=click.Choice(["refused", "superseded", "damaged"]),
    multiple=True,
    help="Answers that were refused; were asked again (--retry); or cannot be used (see verify).",
)
@click.option("--all", "every", is_flag=True, help="All stored answers.")
@click.option("--features", is_flag=True, help="Encoder features; computed again when needed.")
@click.option("--mc-draws", is_flag=True, help="The classifier's draws; computed again when needed.")
@click.option("--audio", is_flag=True, help="Hashes and measurements of audio files; made again when needed.")
@click.option("--fetched", is_flag=True, help="Copies of recordings at a URL; fetched again when needed.")
@click.option("--work", is_flag=True, help="Checkpoints of unfinished work, which then starts over.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@located
def rm(
    where: tuple[Path, Path],
    unused: bool,
    taken_out: tuple[str, ...],
    answers: bool,
    models: tuple[str, ...],
    prompts: tuple[str, ...],
    statuses: tuple[str, ...],
    every: bool,
    features: bool,
    mc_draws: bool,
    audio: bool,
    fetched: bool,
    work: bool,
    yes: bool,
) -> None:
    """Remove what is named, and give its disk space back. Not while a run is at work.

    Tables that were made of it stay. What was spent stays counted against monthly ceilings.
    """
    from flows.cache_removal import Removal
    from flows.cache_rm import remove_from_cache

    folders = {"features": features, "mc_draws": mc_draws, "audio": audio, "fetched": fetched, "work": work}
    chosen = tuple(folder for folder, is_chosen in folders.items() if is_chosen)
    removal = Removal(answers, models, prompts, statuses, every, chosen, unused, taken_out)
    remove_from_cache(where[1], where[0], removal, yes=yes)
