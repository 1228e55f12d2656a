"""Kills a run at random moments and runs it again: what is lost, what is paid twice, what comes out.

python -m bench.crashes [--moments 50] [--seed 0]

The real command, in a process of its own, asks the loopback LALM over 24 clips. SIGKILL comes at a moment drawn evenly
from the time that an undisturbed run works, from the lock that it takes to its end; every killed run starts from an
empty cache. Then the same command runs to its end, and its tables (without times and costs) and the student's weights
are compared with the undisturbed run's.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

import flows.quiet  # noqa: F401
from bench.tables import Table
from tasks.synthesis.corpus import make_corpus
from tasks.teachers.loopback.server import running_server
from tests.flows.conftest import Project
from tests.flows.killed import CONCURRENCY, Killable
from tests.flows.prefect_server import free_port, wait_until_healthy

_LATENCY_S = 0.02


@dataclass(frozen=True)
class Crashes:
    """A finished project to copy, and the Prefect server that its runs report to."""

    project: Path
    folder: Path
    prefect_url: str

    def undisturbed(self) -> tuple[float, dict[str, str]]:
        """How long it works, and what comes of it."""
        with running_server(latency_s=_LATENCY_S) as server:
            run = Killable.copied(self.project, self.folder / "undisturbed", server, self.prefect_url)
            return run.finish(), run.outcome()

    def killed(self, number: int, moment_s: float) -> tuple[list[str], int, dict[str, str]]:
        """When, in which stage, and how long the resumed run worked; calls made twice; what came of it."""
        with running_server(latency_s=_LATENCY_S) as server:
            run = Killable.copied(self.project, self.folder / str(number), server, self.prefect_url)
            moment_s, stage = run.kill_at(moment_s)
            told = [f"{moment_s:.2f} s", stage, f"{run.finish():.1f} s"]
            found = (told, run.calls_twice(), run.outcome())
        shutil.rmtree(run.folder)
        return found


@click.command(help=__doc__)
@click.option("--moments", default=50, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
def main(moments: int, seed: int) -> None:
    rng = random.Random(seed)
    table = Table(f"SIGKILL at {moments} moments (seed {seed})", ["killed after", "in", "resumed", "twice", "result"])
    with tempfile.TemporaryDirectory() as folder, _prefect_server(Path(folder)) as url:
        crashes = Crashes(_project(Path(folder) / "project"), Path(folder), url)
        work_s, outcome = crashes.undisturbed()
        for number, moment_s in enumerate(sorted(rng.uniform(0, work_s) for _ in range(moments))):
            told, twice, found = crashes.killed(number, moment_s)
            table.rows.append([*told, str(twice), "same" if found == outcome else "OTHER"])
            print(*table.rows[-1], sep="  ", flush=True)
    good = sum(row[-1] == "same" and int(row[-2]) <= CONCURRENCY for row in table.rows)
    table.notes += [
        f"An undisturbed run works for {work_s:.1f} s. {good} of {moments} ended as it did, and asked for nothing "
        f"twice but at most {CONCURRENCY} calls that were in flight."
    ]
    print(table.markdown())
    sys.exit(0 if good == moments else 1)


def _project(folder: Path) -> Path:
    """Two small corpora, and a classifier of one of them."""
    project = Project(folder)
    make_corpus(folder / "source", "source", clips_per_class=8)
    make_corpus(folder / "target", "target", clips_per_class=6)
    project.change()
    assert project.mifuse("train-source", "small").exit_code == 0
    return folder


@contextmanager
def _prefect_server(home: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"PREFECT_HOME": str(home / "prefect")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}/api"
        try:
            wait_until_healthy(url, server)
            yield url
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
