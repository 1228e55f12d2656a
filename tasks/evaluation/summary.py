"""What can be said without gold: class shares, mean confidence, and how often the systems name the same class."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from tasks.evaluation.systems import FUSED, STUDENT, in_order


def summarise(
    pseudo_labels: pl.DataFrame, predictions: pl.DataFrame, teachers: Sequence[str], classes: Sequence[str]
) -> dict[str, Any]:
    """Describe the teachers, the fused labels and the student, over all clips that any of the two tables holds.

    Returns:
        `n`; per system `coverage`, `mean_confidence` (None without an answer) and `class_shares` (of its answers);
        `agreement.all` (share of the clips on which all systems name the same class), `agreement.pairs[a][b]`.
        An agreement is over the clips that all compared systems answered, None where there is none.

    Raises:
        ValueError: A clip occurs twice in one of the tables.
    """
    systems = in_order([*teachers, FUSED, STUDENT])
    labels = _labels(pseudo_labels, predictions, teachers, classes)
    return {
        "n": labels.height,
        "systems": {name: _describe(labels, name, classes) for name in systems},
        "agreement": {
            "all": agreement(labels, systems),
            "pairs": {a: {b: agreement(labels, [a, b]) for b in systems if b != a} for a in systems},
        },
    }


def agreement(labels: pl.DataFrame, systems: Sequence[str]) -> float | None:
    """The share of the clips that all of the systems answered on which they name the same class.

    >>> agreement(pl.DataFrame({"a": ["x", "y", None], "b": ["x", "x", "x"]}), ["a", "b"])
    0.5
    """
    answered = labels.select(systems).drop_nulls()
    if answered.is_empty():
        return None
    same = answered.select(pl.all_horizontal(pl.col(name) == pl.col(systems[0]) for name in systems).mean())
    return float(same.item())


def _describe(labels: pl.DataFrame, name: str, classes: Sequence[str]) -> dict[str, Any]:
    named = labels[name].drop_nulls()
    confidence = labels[f"{name}:confidence"].drop_nulls().mean()
    return {
        "coverage": len(named) / labels.height if labels.height else None,
        "mean_confidence": confidence,
        "class_shares": {c: int((named == c).sum()) / len(named) if len(named) else 0.0 for c in classes},
    }


def _labels(
    pseudo_labels: pl.DataFrame, predictions: pl.DataFrame, teachers: Sequence[str], classes: Sequence[str]
) -> pl.DataFrame:
    """One row per clip: each system's label as text, null where it has none, and its confidence beside it."""
    for title, table in (("pseudo_labels", pseudo_labels), ("predictions", predictions)):
        _refuse_duplicates(title, table)
    taught = pseudo_labels.select(
        "clip_id",
        *(pl.col(f"{t}_label").cast(pl.String).alias(t) for t in teachers),
        *(_confidence_of(t, classes) for t in teachers),
        pl.col("label").cast(pl.String).alias(FUSED),
        pl.col("confidence").alias(f"{FUSED}:confidence"),
    )
    learnt = predictions.select(
        "clip_id", pl.col("label").cast(pl.String).alias(STUDENT), pl.col("confidence").alias(f"{STUDENT}:confidence")
    )
    return taught.join(learnt, on="clip_id", how="full", coalesce=True, maintain_order="left_right")


def _confidence_of(teacher: str, classes: Sequence[str]) -> pl.Expr:
    highest = pl.max_horizontal(f"{teacher}_p_{name}" for name in classes).fill_nan(None)
    return pl.when(pl.col(f"{teacher}_label").is_not_null()).then(highest).alias(f"{teacher}:confidence")


def _refuse_duplicates(title: str, table: pl.DataFrame) -> None:
    duplicates = table.filter(pl.col("clip_id").is_duplicated())["clip_id"]
    if len(duplicates):
        raise ValueError(
            f"{title} holds {len(duplicates)} rows with a clip_id that occurs twice; first: {duplicates[0]!r}."
        )
