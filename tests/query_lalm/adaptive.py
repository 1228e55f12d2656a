"""Clips, a classifier's draws of them, and a teacher that is asked `draws: {min: 2, max: 5}`."""

from __future__ import annotations

from typing import Any

import polars as pl

from tasks.contracts.tables import DRAW_STATUS, draws_schema, p_columns
from tasks.storage.tables import write_table
from tests.query_lalm.asking import CLASSES, Workplace, gemini

ADAPTIVE = {"min": 2, "max": 5, "stop": 0.05}
SURE = [[0.97, 0.01, 0.01, 0.01]] * 4
UNDECIDED = [[0.4, 0.1, 0.4, 0.1], [0.1, 0.4, 0.1, 0.4], [0.3, 0.3, 0.2, 0.2], [0.2, 0.2, 0.3, 0.3]]


def write_classifier(place: Workplace, draws: dict[str, list[list[float]]]) -> None:
    """Clip → its draws."""
    clips = pl.read_parquet(place.index()).select("clip_id", "sha256")
    rows = [
        {"clip_id": clip_id, "sha256": sha256, "draw": draw, "status": "answered", "heard": "audio"}
        | dict(zip(p_columns(CLASSES), probs, strict=True))
        for clip_id, sha256 in clips.rows()
        if clip_id in draws
        for draw, probs in enumerate(draws[clip_id])
    ]
    schema = draws_schema(CLASSES)
    table = pl.DataFrame(rows, {**schema, "status": pl.String()}).cast({"status": DRAW_STATUS})
    write_table(place.root / "classifier.parquet", table, schema)


def ask(place: Workplace, teacher: Any = None, **options: Any) -> dict[str, Any]:
    """Beside that classifier."""
    options = {"classifier_draws": place.root / "classifier.parquet"} | options
    return place.ask(teacher or gemini(draws=ADAPTIVE), **options)


def asked_of_each(place: Workplace) -> dict[str, int]:
    """Clip → how many draws."""
    return dict(place.table().group_by("clip_id").len().sort("clip_id").rows())
