"""The tables of the report as plain rows: nothing here knows HTML, nothing in the template knows Polars."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import polars as pl

from tasks.evaluation.compare import ua_margin
from tasks.evaluation.systems import ORACLE, compared, in_order, marked_title, system_title

Row = dict[str, Any]

_COSTS = {key: key for key in ("calls", "answered", "refused", "unparsable", "failed")}
_COSTS |= {"input_tokens": "input tokens", "output_tokens": "output tokens", "cost_usd": "US dollars"}

UNSURE_SHOWN = 20
REASONS_SHOWN = 8
QUARANTINED_SHOWN = 100  # a folder of 50,000 broken files must not make a report of 50,000 lines


def metric_rows(metrics: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """One row per system; `best` names the columns in which it leads those that do not know gold."""
    higher = ("ua", "wa", "macro_f1", "coverage")
    competing = compared(metrics)
    rows = []
    for name in in_order(metrics):
        row = metrics[name]
        best = {key for key in higher[:3] if name != ORACLE and row[key] >= max(metrics[c][key] for c in competing)}
        errors = [metrics[c]["ece"] for c in competing if metrics[c]["ece"] is not None]
        if name != ORACLE and row["ece"] is not None and row["ece"] <= min(errors):
            best.add("ece")
        rows.append(
            {**row, "name": name, "title": marked_title(name, row), "best": best, "margin": ua_margin(row["confusion"])}
        )
    return rows


def unsure_rows(pseudo_labels: pl.DataFrame, predictions: pl.DataFrame, teachers: Sequence[str]) -> list[Row]:
    """The clips with the smallest margin between the first and the second class: the ones to listen to."""
    student = predictions.select("clip_id", pl.col("label").cast(pl.String).alias("student_label"))
    unsure = (
        pseudo_labels.filter(pl.col("margin").is_not_null())
        .sort("margin", "clip_id")
        .head(UNSURE_SHOWN)
        .join(student, on="clip_id", how="left", maintain_order="left")
    )
    return [
        {
            **{key: row[key] for key in ("clip_id", "label", "confidence", "margin", "student_label")},
            "path": None if PurePath(row["path"]).with_suffix("").as_posix() == row["clip_id"] else row["path"],
            "teachers": [{key: row[f"{t}_{key}"] for key in ("label", "weight", "mi")} for t in teachers],
        }
        for row in unsure.to_dicts()
    ]


def teacher_rows(pseudo_labels: pl.DataFrame, teachers: Sequence[str]) -> list[Row]:
    """Per teacher: how many clips it answered, its MI and its weight as median and 5th to 95th percentile."""
    return [
        {
            "title": system_title(teacher),
            "answered": int(pseudo_labels[f"{teacher}_label"].is_not_null().sum()),
            "draws": pseudo_labels[f"{teacher}_n_draws"].mean(),
            "unknown_mi": pseudo_labels.height - len(_numbers(pseudo_labels, f"{teacher}_mi")),
            "mi": _spread(_numbers(pseudo_labels, f"{teacher}_mi")),
            "weight": _spread(_numbers(pseudo_labels, f"{teacher}_weight")),
        }
        for teacher in teachers
    ]


def reason_rows(table: pl.DataFrame) -> list[Row]:
    """How many clips carry each reason: the most frequent ones, since a reason may name a figure of its clip."""
    reasons = table.filter(pl.col("reason").is_not_null()).group_by("reason").len("count")
    return reasons.sort(["count", "reason"], descending=[True, False]).head(REASONS_SHOWN).to_dicts()


def quarantined_rows(clips: pl.DataFrame) -> list[Row]:
    """The first quarantined clips and why."""
    return (
        clips.filter(pl.col("status") == "quarantined")
        .sort("clip_id")
        .select("clip_id", "path", "reason")
        .head(QUARANTINED_SHOWN)
        .to_dicts()
    )


def agreement_rows(summary: Mapping[str, Any]) -> list[Row]:
    """The pairwise agreement as a square table; None on the diagonal."""
    pairs = summary["agreement"]["pairs"]
    return [{"title": system_title(a), "shares": [pairs[a].get(b) for b in pairs]} for a in pairs]


def class_shares(
    summary: Mapping[str, Any], metrics: Mapping[str, Any] | None, classes: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Class shares by title of the system, below them those of gold where it is known."""
    shares = {system_title(name): system["class_shares"] for name, system in summary["systems"].items()}
    if metrics:
        counts = [sum(row) for row in next(iter(metrics.values()))["confusion"]]
        shares["gold"] = {name: count / sum(counts) for name, count in zip(classes, counts, strict=True)}
    return shares


def cost_row(costs: Mapping[str, Any]) -> Row:
    """What was asked and paid, in words and figures; keys that are not known are shown as they are.

    >>> cost_row({"cost_usd": 0.5, "batches": 2, "calls": 6170})
    {'calls': '6,170', 'US dollars': '0.50', 'batches': '2'}
    """
    keys = [*(key for key in _COSTS if key in costs), *(key for key in costs if key not in _COSTS)]
    return {_COSTS.get(key, key): _amount(costs[key]) for key in keys}


def _amount(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def _numbers(table: pl.DataFrame, column: str) -> pl.Series:
    return table[column].cast(pl.Float64).fill_nan(None).drop_nulls()


def _spread(numbers: pl.Series) -> dict[str, float | None]:
    return {"low": numbers.quantile(0.05), "median": numbers.median(), "high": numbers.quantile(0.95)}  # type: ignore[dict-item]
