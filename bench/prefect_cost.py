"""What Prefect itself costs: a full run's wall time, less the time that its stages say they took.

python -m bench.prefect_cost [--repeats 5]

The real command, in a process of its own, over 24 synthetic clips with everything stale; with a Prefect home that is
new (its database is made) and with the same one again. What is not a stage's counts as Prefect's, though mifuse's own
looks at the files and its imports are in it; what the imports besides Prefect take stands in a column of its own, and
is not taken off. Up to five seconds are the end of Prefect's temporary server.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import yaml

from bench.tables import Table, verdict
from tasks.synthesis.corpus import make_corpus
from tests.flows.conftest import SETTINGS

_TARGETS_S = {"new": 20.0, "used": 12.0}
_IMPORTS = "import flows.run, tasks.evaluation.compare, tasks.evaluation.report"


def _mifuse(root: Path, home: Path, *words: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
    environment |= {"PREFECT_HOME": str(home), "MIFUSE_CACHE": str(root / "cache")}
    command = [sys.executable, "-m", "flows", *words, "--pipelines", str(root / "pipelines.yaml")]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _make(root: Path) -> None:
    make_corpus(root / "source", "source", clips_per_class=8)
    make_corpus(root / "target", "target", clips_per_class=6)
    (root / "pipelines.yaml").write_text(yaml.safe_dump({"pipelines": {"small": SETTINGS}}))
    _mifuse(root, root / "first home", "train-source", "small")


def _run(root: Path, home: Path) -> tuple[float, float]:
    """Wall time of a full run, and what its stages took, both in seconds."""
    shutil.rmtree(root / "cache", ignore_errors=True)
    started = time.monotonic()
    _mifuse(root, home, "run", "small")
    wall_s = time.monotonic() - started
    records = (root / "cache" / "small" / ".records").glob("*.json")
    return wall_s, sum(json.loads(record.read_text())["took_s"] for record in records)


def _imports_s(root: Path) -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", _IMPORTS], check=True, env=os.environ | {"PREFECT_HOME": str(root / "none")})
    return time.monotonic() - started


@click.command()
@click.option("--repeats", default=5, show_default=True)
def main(repeats: int) -> None:
    """Measures, and prints a table of medians."""
    imports: list[float] = []
    measured: dict[str, list[tuple[float, float]]] = {home: [] for home in _TARGETS_S}
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _make(root)
        for repeat in range(repeats):
            imports.append(_imports_s(root))
            for name in measured:  # the second run finds the home that the first has made
                measured[name].append(_run(root, root / f"home {repeat}"))
                click.echo(f"{name}: {measured[name][-1]}", err=True)
    own_s = statistics.median(imports)
    header = ["home", "wall", "stages", "wall less stages", "range", "imports in it"]
    table = Table("Prefect's own cost of a full run, s, medians", header)
    for name, runs in measured.items():
        rest = [wall_s - stages_s for wall_s, stages_s in runs]
        wall, stages = (statistics.median(each) for each in zip(*runs, strict=True))
        told = verdict(statistics.median(rest), _TARGETS_S[name], at_least=False, digits=1)
        table.rows.append(
            [name, f"{wall:.1f}", f"{stages:.1f}", told, f"{min(rest):.1f} to {max(rest):.1f}", f"{own_s:.1f}"]
        )
    table.notes.append(f"{repeats} runs each; load {load_before:.1f} before, {os.getloadavg()[0]:.1f} after.")
    click.echo(table.markdown())


if __name__ == "__main__":
    main()
