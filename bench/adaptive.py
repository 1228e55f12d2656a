"""How many paid draws are enough: 2, 3, 4, 5 or as many as each clip needs, on real corpora with the simulated LALM.

python -m bench.adaptive --seeds 3

The LALM is asked 40 times per clip, once per corpus; each seed has its own five of these draws, its own source
classifier and training. Fewer draws are the same table cut short: the number of a draw is part of its key, so a run
that asks less gets the same answers.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from pathlib import Path

import click
import yaml

import flows.quiet  # noqa: F401
from bench.adaptive_pair import CLASSES, MOST, Pair
from bench.adaptive_table import Run, print_table
from flows.place import Place, open_place
from flows.run import RunOptions, run_stale
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.teachers.paid import AdaptiveDraws

_REFERENCE = 40  # draws that the true mutual information is taken from


@click.command()
@click.option("--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path))
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, _REFERENCE // MOST))
@click.option("--temperature", default=0.6, show_default=True, help="The LALM's: how much it contradicts itself.")
@click.option("--stop", "stops", multiple=True, type=float, default=[AdaptiveDraws().stop], show_default=True)
@click.option("--bias-correction", is_flag=True, help="Fuse with MI · K / (K - 1), all rows alike.")
@click.option("--students/--no-students", default=True, show_default=True, help="Training takes most of the time.")
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
def main(
    data: Path,
    seeds: int,
    temperature: float,
    stops: tuple[float, ...],
    bias_correction: bool,
    students: bool,
    cache: Path,
) -> None:
    """Every ordered pair of the corpora in --data, each with `audio/` and `manifest.csv`."""
    started = time.monotonic()
    corpora = sorted(folder.name for folder in data.glob("*") if (folder / "manifest.csv").is_file())
    if len(corpora) < 2:
        raise click.UsageError(f"expected two corpora or more in {data}, got {', '.join(corpora) or 'none'}")
    runs: list[Run] = []
    for (source, target), seed in itertools.product(itertools.permutations(corpora, 2), range(seeds)):
        place = _prepare(source, target, seed, temperature, data.absolute(), cache.absolute())
        rule = MutualInformationRule(bias_correction=bias_correction)
        pair = Pair(place, f"{source} → {target}", seed, rule, students)
        runs += [pair.run(name, kept_N) for name, kept_N in pair.choices(stops).items()]
        print(f"{pair.name}, seed {seed}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print_table(runs, MOST)
    print(f"\n{seeds} seed(s), temperature {temperature}, {time.monotonic() - started:.0f} s")


def _prepare(source: str, target: str, seed: int, temperature: float, data: Path, cache: Path) -> Place:
    """All draws of both teachers, by the pipeline's own stages; what was computed before is taken from the cache."""
    name = f"adaptive-{source}-{target}-{seed}-t{round(100 * temperature)}"
    classifier = cache / "classifiers" / f"{source}-{target}-logmel-{seed}"
    file = cache / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        "classes": CLASSES,
        "clips": {"folder": str(data / target), "manifest": str(data / target / "manifest.csv")},
        "teachers": {
            "lalm": {"kind": "simulated", "draws": _REFERENCE, "temperature": temperature},
            "classifier": {"kind": "mc_dropout", "path": str(classifier), "seed": seed},
        },
        "student": {"kind": "mi_fuse", "seed": seed},
        "source": {
            "clips": {"folder": str(data / source), "manifest": str(data / source / "manifest.csv")},
            "encoder": {"kind": "logmel"},
            "seed": seed,
        },
    }
    file.write_text(yaml.safe_dump({"pipelines": {name: settings}}, sort_keys=False), encoding="utf-8")
    with contextlib.redirect_stdout(sys.stderr):
        if not (classifier / "config.json").exists():
            from flows.train_source import train_source

            train_source(name, str(file), str(cache))
        for stage in ("index_clips", "mc_dropout", "query_lalm"):
            run_stale(name, file, cache, RunOptions(only=stage))
    return open_place(name, file, cache)


if __name__ == "__main__":
    main()
