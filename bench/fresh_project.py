"""A pipeline over many clips in which everything is fresh, for `bench.fresh`; and the same one for DVC.

The clips are real files, indexed and fused by the real stages; draws, student and report are made up, of the size that
they would have, since a look at them is what is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile
import yaml

CLASSES = ["angry", "happy", "neutral", "sad"]
_FOLDERS = 1000


def make_clips(folder: Path, clips: int) -> None:
    """Noise of 0.3 s at 8 kHz, no two alike, spread over a thousand folders."""
    rng = np.random.default_rng(0)
    for number in range(clips):
        path = folder / f"day-{number % _FOLDERS:04}" / f"call-{number:06}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.normal(0, 0.1, 2400).astype(np.float32), 8000, subtype="PCM_16")


def make_project(root: Path, clips: int) -> None:
    """pipelines.yaml, audio, a classifier, and a cache in which everything is fresh."""
    make_clips(root / "audio", clips)
    source = root / "source"
    from tasks.synthesis.corpus import make_corpus

    make_corpus(source, "source", clips_per_class=8)
    pipeline: dict[str, Any] = {
        "classes": CLASSES,
        "clips": {"folder": "audio"},
        "teachers": {
            "lalm": {"kind": "simulated", "draws": 5},
            "classifier": {"kind": "mc_dropout", "path": "classifier", "draws": 8},
        },
        "fuse": {"kind": "mutual_information"},
        "student": {"kind": "mi_fuse", "recipe": "paper"},
        "source": {"clips": {"folder": "source", "manifest": "source/manifest.csv"}},
    }
    (root / "pipelines.yaml").write_text(yaml.safe_dump({"pipelines": {"many": pipeline}}))
    mifuse(root, "train-source", "many")
    fill(root)


def fill(root: Path) -> None:
    """Every stage's result, by its own work where that is quick."""
    from flows.dag import facts_memory
    from flows.place import open_place
    from tasks import fuse_labels as fuse
    from tasks import index_clips as index

    place = open_place("many", root / "pipelines.yaml", root / "cache")
    clips = place.settings.clips
    place.perform(
        "index_clips",
        lambda out, _: index.index_clips.fn(clips, place.cache, facts_memory(place.cache), out / "clips.parquet"),
    )
    for node, draws in (("mc_dropout.classifier", 8), ("query_lalm.lalm", 5)):
        place.perform(node, lambda out, _, n=node, k=draws: _made_up_draws(place.shown("clips.parquet"), n, k, out))
    place.perform(
        "fuse_labels",
        lambda out, _: fuse.fuse_labels.fn(
            rule=place.settings.fuse,
            classes=CLASSES,
            clips_table=place.shown("clips.parquet"),
            draws=place.draws(),
            metadata={},
            out=out / "pseudo_labels.parquet",
        ),
    )
    place.perform("train_student", lambda out, _: _copied(place.settings.classifier.path, out / "student"))
    place.perform("evaluate_student", lambda out, _: _made_up_report(place.shown("pseudo_labels.parquet"), out))


def _made_up_draws(clips_table: Path, node: str, draws: int, out: Path) -> dict[str, Any]:
    from tasks.contracts.tables import draws_schema, p_columns, paid_draws_schema
    from tasks.storage.tables import write_table

    stage, _, teacher = node.partition(".")
    schema = paid_draws_schema(CLASSES) if stage == "query_lalm" else draws_schema(CLASSES)
    clips = pl.read_parquet(clips_table, columns=["clip_id", "sha256"])
    table = clips.join(pl.DataFrame({"draw": range(draws)}), how="cross")
    probs = np.random.default_rng(len(teacher)).dirichlet(np.ones(len(CLASSES)), size=table.height)
    columns: dict[str, Any] = dict(zip(p_columns(CLASSES), probs.T, strict=True))
    columns |= {
        "status": ["answered"] * table.height,
        "heard": ["audio"] * table.height,
        "model_version": ["m"] * table.height,
        "unmapped": [0.0] * table.height,
    }
    table = table.with_columns(**{name: pl.Series(values) for name, values in columns.items()})
    table = table.with_columns(**{name: pl.lit(None) for name in schema if name not in table.columns})
    write_table(out / "draws" / f"{teacher}.parquet", table.select(schema.keys()).cast(schema), schema)
    return {}


def _copied(folder: Path, to: Path) -> dict[str, Any]:
    shutil.copytree(folder, to)
    return {}


def _made_up_report(pseudo_labels: Path, out: Path) -> dict[str, Any]:
    from tasks.contracts.tables import predictions_schema
    from tasks.storage.tables import write_table

    schema = predictions_schema(CLASSES)
    write_table(out / "predictions.parquet", pl.read_parquet(pseudo_labels).select(schema.keys()), schema)
    scores = {"ua": 0.5, "wa": 0.5, "macro_f1": 0.5, "ece": 0.1, "coverage": 1.0, "n": 1}
    (out / "metrics.json").write_text(json.dumps(dict.fromkeys(("source", "lalm", "fused", "student"), scores)))
    (out / "report.html").write_text("<p>made up</p>" * 10_000)
    return {}


def mifuse(root: Path, *words: str) -> str:
    """The real command, in a process of its own."""
    environment = os.environ | {"MIFUSE_PIPELINES": str(root / "pipelines.yaml"), "MIFUSE_CACHE": str(root / "cache")}
    command = [sys.executable, "-m", "flows", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def make_dvc_project(root: Path, dvc: Path) -> None:
    """The same stages over the same files as a DVC pipeline that has run; each stage's command copies its tables."""
    shown, stages = root / "cache" / "many", {}
    for name, (reads, writes) in _STAGES.items():
        copies = [f"mkdir -p made/draws && cp -rL {shown / output} made/{output}" for output in writes]
        deps = [
            "audio" if read == "audio" else "classifier" if read == "classifier" else f"made/{read}" for read in reads
        ]
        stages[name] = {"cmd": copies, "deps": deps, "outs": [f"made/{output}" for output in writes]}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    if not (root / ".dvc").is_dir():
        subprocess.run([dvc, "init", "--no-scm", "-q"], cwd=root, check=True)
        subprocess.run([dvc, "config", "core.analytics", "false"], cwd=root, check=True)
    subprocess.run([dvc, "repro", "-q"], cwd=root, check=True)


_STAGES: dict[str, tuple[list[str], list[str]]] = {
    "index_clips": (["audio"], ["clips.parquet"]),
    "mc_dropout": (["clips.parquet", "classifier"], ["draws/classifier.parquet"]),
    "query_lalm": (["clips.parquet"], ["draws/lalm.parquet"]),
    "fuse_labels": (["clips.parquet", "draws/classifier.parquet", "draws/lalm.parquet"], ["pseudo_labels.parquet"]),
    "train_student": (["pseudo_labels.parquet", "classifier"], ["student"]),
    "evaluate_student": (["clips.parquet", "student"], ["metrics.json", "predictions.parquet", "report.html"]),
}
