"""What the source classifier is worth on another corpus, without any adaptation but its statistics.

python -m bench.source_ua --encoder FOLDER [--seeds 3] [--markdown FILE]

For every ordered pair of the corpora in --data and each encoder (logmel, and the one given): UA on the target with the
source's feature statistics and with those re-estimated on the unlabelled target (`standardise: target`).
"""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import yaml
from sklearn.metrics import recall_score

import flows.quiet  # noqa: F401
from bench.tables import Table

_CLASSES = ["angry", "happy", "neutral", "sad"]


@click.command(help=__doc__)
@click.option("--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path))
@click.option("--encoder", help="A folder of a pretrained encoder, beside logmel.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--cache", default="cache/bench", show_default=True, type=click.Path(path_type=Path))
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False))
def main(data: Path, encoder: str | None, seeds: int, cache: Path, markdown: Path | None) -> None:
    corpora = sorted(folder.name for folder in data.glob("*") if (folder / "manifest.csv").is_file())
    encoders = {"logmel": None} | ({Path(encoder).name: encoder} if encoder else {})
    found = {
        (name, source, seed): _of_source(source, corpora, data.absolute(), path, seed, cache.absolute())
        for name, path in encoders.items()
        for source in corpora
        for seed in range(seeds)
    }
    columns = [f"{name}, {which}" for name in encoders for which in ("source", "target")]
    table = Table(f"Source UA in percent, mean of {seeds} seeds (their range)", ["transfer", "clips", *columns])
    pairs = list(itertools.permutations(corpora, 2))
    uas = {pair: [[found[name, pair[0], s][pair[1]][w] for s in range(seeds)] for name in encoders for w in (0, 1)]
           for pair in pairs}  # fmt: skip
    for source, target in pairs:
        clips = pl.read_csv(data / target / "manifest.csv").height
        table.rows.append([f"{source} → {target}", str(clips), *map(_told, uas[source, target])])
    means = [statistics.fmean(statistics.fmean(uas[pair][at]) for pair in pairs) for at in range(len(columns))]
    table.rows.append(["mean", "", *(f"{100 * mean:.1f}" for mean in means)])
    print(table.markdown())
    if markdown:
        markdown.write_text(table.markdown() + "\n", encoding="utf-8")


def _told(uas: list[float]) -> str:
    return f"{100 * statistics.fmean(uas):.1f} ({100 * min(uas):.1f}–{100 * max(uas):.1f})"


def _of_source(
    source: str, corpora: list[str], data: Path, encoder: str | None, seed: int, cache: Path
) -> dict[str, tuple[float, float]]:
    """For each other corpus: UA with the source's statistics and with the target's."""
    classifier = _trained(source, data, encoder, seed, cache)
    return {target: _uas(classifier, data / target, cache) for target in corpora if target != source}


def _trained(source: str, data: Path, encoder: str | None, seed: int, cache: Path) -> Path:
    """What `mifuse train-source` makes of the corpus; kept from an earlier run."""
    from flows.train_source import train_source

    name = f"source-{source}-{Path(encoder).name if encoder else 'logmel'}-{seed}"
    folder, file = cache / "classifiers" / name, cache / f"{name}.yaml"
    clips = {"folder": str(data / source), "manifest": str(data / source / "manifest.csv")}
    kind = {"kind": "huggingface", "model": str(Path(encoder).absolute())} if encoder else {"kind": "logmel"}
    settings: dict[str, Any] = {
        "classes": _CLASSES,
        "clips": clips,
        "teachers": {"classifier": {"kind": "mc_dropout", "path": str(folder)}},
        "source": {"clips": clips, "encoder": kind, "seed": seed},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"pipelines": {name: settings}}, sort_keys=False), encoding="utf-8")
    if not (folder / "config.json").exists():
        train_source(name, str(file), str(cache))
    return folder


def _uas(classifier: Path, target: Path, cache: Path) -> tuple[float, float]:
    import torch

    from tasks.encoders.features import AudioFile
    from tasks.networks.folder import load_classifier
    from tasks.networks.heard import features_for
    from tasks.networks.statistics import statistics_of
    from tasks.storage.files import sha256_of_file

    head, config = load_classifier(classifier)
    rows = pl.read_csv(target / "manifest.csv")
    files = [AudioFile(sha256_of_file(target / p), target / p, d) for p, d in rows["path", "duration_s"].iter_rows()]
    features = features_for(config, files, cache / "features")

    def ua() -> float:
        with torch.inference_mode():
            named_N = head(features.rows(range(len(features)))).argmax(dim=-1).tolist()
        named = np.array([config.classes[n] for n in named_N])
        return float(recall_score(rows["label"].to_numpy(), named, labels=_CLASSES, average="macro"))

    as_trained = ua()
    head.standardise_by(statistics_of(features))
    return as_trained, ua()


if __name__ == "__main__":
    main()
