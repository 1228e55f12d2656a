"""Adapts from one real corpus to another with the simulated LALM and prints the table of `mifuse run`.

python -m bench.transfer emodb ravdess
python -m bench.transfer --all --seeds 3
"""

from __future__ import annotations

import itertools
import json
import statistics
from pathlib import Path
from typing import Any

import click
import yaml

import flows.quiet  # noqa: F401
from flows.run import RunOptions, run_stale
from tasks.evaluation.table import format_table

_CLASSES = ["angry", "happy", "neutral", "sad"]


@click.command()
@click.argument("source", required=False)
@click.argument("target", required=False)
@click.option("--all", "all_pairs", is_flag=True, help="Every ordered pair of the corpora in --data.")
@click.option("--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path))
@click.option("--encoder", help="A folder or hub name of a pretrained encoder; default: logmel.")
@click.option("--seeds", default=1, show_default=True, help="Of source classifier, dropout and training.")
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
def main(
    source: str | None,
    target: str | None,
    all_pairs: bool,
    data: Path,
    encoder: str | None,
    seeds: int,
    cache: Path,
) -> None:
    """SOURCE and TARGET are folders of --data with `audio/` and `manifest.csv`."""
    corpora = sorted(folder.name for folder in data.glob("*") if (folder / "manifest.csv").is_file())
    pairs = list(itertools.permutations(corpora, 2)) if all_pairs else [(source, target)]
    for pair in pairs:
        if not set(pair) <= set(corpora):
            raise click.UsageError(f"expected two of {', '.join(corpora) or f'no corpora in {data}'}, got {pair}")
    results = {pair: [_run(*pair, data, encoder, seed, cache.absolute()) for seed in range(seeds)] for pair in pairs}
    for (source_name, target_name), runs in results.items():
        print(f"\n{source_name} → {target_name}, mean of {seeds} seed(s)")
        print(format_table(_mean(runs)))


def _run(source: str, target: str, data: Path, encoder: str | None, seed: int, cache: Path) -> dict[str, Any]:
    """metrics.json of one transfer; what was computed before is taken from the cache."""
    name = f"{source}-{target}-{Path(encoder).name if encoder else 'logmel'}-{seed}"
    file = cache / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = _settings(data.absolute(), source, target, encoder, seed, cache / "classifiers" / f"{name}")
    file.write_text(yaml.safe_dump({"pipelines": {name: settings}}, sort_keys=False), encoding="utf-8")
    if not (cache / "classifiers" / name / "config.json").exists():
        from flows.train_source import train_source

        train_source(name, str(file), str(cache))
    run_stale(name, file, cache, RunOptions())
    metrics: dict[str, Any] = json.loads((cache / name / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def _settings(data: Path, source: str, target: str, encoder: str | None, seed: int, classifier: Path) -> dict[str, Any]:
    def clips(corpus: str) -> dict[str, str]:
        return {"folder": str(data / corpus), "manifest": str(data / corpus / "manifest.csv")}

    kind = {"kind": "huggingface", "model": str(Path(encoder).absolute())} if encoder else {"kind": "logmel"}
    return {
        "classes": _CLASSES,
        "clips": clips(target),
        "teachers": {
            "lalm": {"kind": "simulated"},
            "classifier": {"kind": "mc_dropout", "path": str(classifier), "seed": seed},
        },
        "student": {"kind": "mi_fuse", "recipe": "paper", "seed": seed},
        "source": {"clips": clips(source), "encoder": kind, "seed": seed},
    }


def _mean(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds of what the table shows."""
    shown = ("ua", "wa", "macro_f1", "ece", "coverage", "n")
    return {
        system: {key: statistics.fmean(run[system][key] for run in runs) for key in shown} | {"n": runs[0][system]["n"]}
        for system in runs[0]
    }


if __name__ == "__main__":
    main()
