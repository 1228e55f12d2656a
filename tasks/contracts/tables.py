"""The tables' columns: what every stage may rely on. Rows are in order of `clip_id`, then `draw`."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

Schema = dict[str, pl.DataType]

CLIP_STATUS = pl.Enum(["ok", "quarantined"])
# How a teacher came to know of a clip. A text proxy read a transcript or prosody in words: no model that hears it.
HEARD = pl.Enum(["audio", "text proxy"])
# unmapped: an answer, but (almost) all of its mass is on labels that mean none of the pipeline's classes.
DRAW_STATUS = pl.Enum(["answered", "refused", "unparsable", "failed", "unmapped"])


def p_columns(classes: Sequence[str], prefix: str = "") -> list[str]:
    """Names of the probability columns.

    >>> p_columns(["angry", "sad"], prefix="lalm")
    ['lalm_p_angry', 'lalm_p_sad']
    """
    return [f"{prefix}_p_{name}" if prefix else f"p_{name}" for name in classes]


def clips_schema() -> Schema:
    """`clips.parquet`: one row per recording, usable or not. `gold_label` is for evaluation alone."""
    return {
        "clip_id": pl.String(),
        "path": pl.String(),  # relative to the clips folder
        "sha256": pl.String(),  # of the file's bytes; null when it could not be opened
        "duration_s": pl.Float64(),
        "sample_rate_hz": pl.Int64(),
        "channels": pl.Int64(),
        "rms_dbfs": pl.Float64(),
        "status": CLIP_STATUS,
        "reason": pl.String(),
        "speaker": pl.String(),
        "language": pl.String(),
        "transcript": pl.String(),
        "split": pl.String(),
        "gold_label": pl.String(),
    }


def draws_schema(classes: Sequence[str]) -> Schema:
    """`draws/<teacher>.parquet`: one row per draw. Computed teachers use the key columns and the probabilities."""
    return {
        "clip_id": pl.String(),
        "sha256": pl.String(),
        "draw": pl.Int64(),
        "status": DRAW_STATUS,
        **{name: pl.Float64() for name in p_columns(classes)},
        "unmapped": pl.Float64(),  # mass on labels without a class, before the rest was made to sum to 1
        "model_version": pl.String(),
        "heard": HEARD,
    }


def paid_draws_schema(classes: Sequence[str]) -> Schema:
    """What a paid teacher's draws have on top: the raw answer and what it cost."""
    return draws_schema(classes) | {
        "raw_answer": pl.String(),
        "reason": pl.String(),  # why there is no distribution
        "prompt_id": pl.String(),
        "input_tokens": pl.Int64(),
        "output_tokens": pl.Int64(),
        "cost_usd": pl.Float64(),  # null when the model has no price in prices.yaml
        "latency_s": pl.Float64(),
        "answered_at": pl.String(),  # ISO 8601, UTC
    }


def pseudo_labels_schema(classes: Sequence[str], teachers: Sequence[str]) -> Schema:
    """`pseudo_labels.parquet`: one row per usable clip, made to be read by a person."""
    label = pl.Enum(list(classes))
    schema: Schema = {
        "clip_id": pl.String(),
        "path": pl.String(),
        "duration_s": pl.Float64(),
        "label": label,
        "confidence": pl.Float64(),  # probability of the label
        "margin": pl.Float64(),  # probability of the label minus that of the runner-up
        "agreement": pl.Boolean(),  # do all teachers that answered name the same class?
        **{name: pl.Float64() for name in p_columns(classes)},
    }
    for teacher in teachers:
        schema |= {
            f"{teacher}_label": label,
            f"{teacher}_heard": HEARD,
            f"{teacher}_n_draws": pl.Int64(),
            f"{teacher}_mi": pl.Float64(),
            f"{teacher}_entropy": pl.Float64(),
            f"{teacher}_weight": pl.Float64(),
            **{name: pl.Float64() for name in p_columns(classes, teacher)},
            f"{teacher}_unmapped": pl.Float64(),  # mean mass on labels without a class
        }
    # Last: a wide table shows its first columns, and those should tell a person something.
    return schema | {
        "reason": pl.String(),  # which teacher was left out, and why; null when none was
        "sha256": pl.String(),
    }


def predictions_schema(classes: Sequence[str]) -> Schema:
    """`predictions.parquet`: what the student says of each clip."""
    return {
        "clip_id": pl.String(),
        "path": pl.String(),
        "label": pl.Enum(list(classes)),
        "confidence": pl.Float64(),
        **{name: pl.Float64() for name in p_columns(classes)},
    }
