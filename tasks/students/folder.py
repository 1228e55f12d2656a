"""What lies in `student/` beside the network: how its training went, for a person and for `evaluate_student`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tasks.contracts.tables import p_columns
from tasks.storage.files import write_json
from tasks.students.base import Named, Student

STARTED_FILE = "started.json"


def write_training(
    out: Path,
    trained: Student,
    sha256s: Sequence[str],
    classes: Sequence[str],
    warnings: Sequence[str],
    started: Mapping[str, Any] = {},
) -> None:
    """Writes `curves.parquet`, `warnings.json` and, where there is something to put in, the other four.

    Those are `named.parquet`, `labels.parquet`, `cohort.parquet` and `started.json`.

    Args:
        out: `student/`.
        trained: What a trainer gave back.
        sha256s: The training data's clips, in its order.
        classes: In the classifier's order.
        warnings: Sentences.
        started: What it went on from; empty where no warm start was asked for.
    """
    # Not by the first points alone: a trainer with more than one part tells of each something else.
    pl.DataFrame(trained.curves, infer_schema_length=None).write_parquet(out / "curves.parquet")
    write_json(out / "warnings.json", list(warnings))
    if started:
        write_json(out / STARTED_FILE, dict(started))
    if trained.cohort is not None:
        pl.DataFrame(trained.cohort).write_parquet(out / "cohort.parquet")
    if trained.named is not None:
        _named_table(trained.named, sha256s, classes).write_parquet(out / "named.parquet")
    if trained.labels_NC is not None:
        labels = pl.DataFrame(trained.labels_NC.numpy(), p_columns(list(classes)), orient="row")
        named = pl.Series("label", [classes[c] for c in trained.labels_NC.argmax(dim=1).tolist()], pl.Enum(classes))
        labels.insert_column(0, pl.Series("sha256", sha256s)).insert_column(1, named).write_parquet(
            out / "labels.parquet"
        )


def _named_table(named: Named, sha256s: Sequence[str], classes: Sequence[str]) -> pl.DataFrame:
    """One row per look and clip: step, sha256, label."""
    clips = [sha256s[row] for row in named.rows_M.tolist()]
    columns = {
        "step": [step for step in named.steps for _ in clips],
        "sha256": clips * len(named.steps),
        "label": [classes[c] for c in named.classes_PM.flatten().tolist()],
    }
    schema = {"step": pl.UInt32(), "sha256": pl.String(), "label": pl.Enum(list(classes))}
    return pl.DataFrame(columns, schema=schema)
