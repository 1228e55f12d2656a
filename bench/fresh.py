"""What it costs to find that nothing is to be done: `mifuse status` and `mifuse run` over many clips, beside DVC."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

import click

from bench.fresh_project import make_dvc_project, make_project, mifuse
from bench.race import race, timed_table
from bench.tables import verdict

DVC = "dvc==3.67.1"
AIM_S, AIM_RATIO = 3.0, 0.5


def dvc_of(envs: Path) -> Path:
    """DVC in an environment of its own, installed where it is not there yet."""
    command = envs / "dvc" / "bin" / "dvc"
    if not command.exists():
        click.echo(f"installing {DVC} into {envs / 'dvc'}")
        subprocess.run([sys.executable, "-m", "venv", str(envs / "dvc")], check=True)
        subprocess.run([str(command.with_name("python")), "-m", "pip", "install", "-q", DVC], check=True)
    return command


@click.command()
@click.option("--clips", default=100_000, show_default=True, type=click.IntRange(min=1000))
@click.option("--folder", default="cache/bench/fresh", show_default=True, type=click.Path(path_type=Path))
@click.option("--envs", default="cache/bench/envs", show_default=True, type=click.Path(path_type=Path))
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=1))
def main(clips: int, folder: Path, envs: Path, repeats: int) -> None:
    """`mifuse status` and a fresh `mifuse run`, in turn with `dvc status` over the same files."""
    root, dvc = folder.absolute() / str(clips), dvc_of(envs.absolute())
    if not (root / "cache" / "many" / "report.html").exists():
        click.echo(f"making {clips:,} clips and their results in {root}: minutes")
        make_project(root, clips)
        make_dvc_project(root, dvc)

    def dvc_status() -> None:
        told = subprocess.run([dvc, "status"], cwd=root, check=True, capture_output=True, text=True).stdout
        assert "up to date" in told, told

    def ours(word: str) -> None:
        told = mifuse(root, word, "many")
        assert "stale" not in told, told

    seconds = race(
        {
            "mifuse status": lambda: ours("status"),
            "mifuse run, all fresh": lambda: ours("run"),
            "dvc status": dvc_status,
        },
        repeats,
    )
    table = timed_table(f"A look at {clips:,} clips of which nothing changed (a process each, warm)", seconds)
    ours_s, run_s, dvc_s = (seconds[name] for name in seconds)
    share = median(a / b for a, b in zip(ours_s, dvc_s, strict=True))
    table.notes += [
        f"status, median: {verdict(median(ours_s), AIM_S, at_least=False)} s; "
        f"a fresh run: {verdict(median(run_s), AIM_S, at_least=False)} s; "
        f"status beside DVC's: {verdict(share, AIM_RATIO, at_least=False)}."
    ]
    print(table.markdown())


if __name__ == "__main__":
    main()
