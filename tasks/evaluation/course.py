"""How right the student was while it learnt. For reading only: nothing is chosen by it, and training never sees it."""

from __future__ import annotations

import polars as pl


def ua_over_steps(named: pl.DataFrame, gold: pl.DataFrame) -> pl.DataFrame:
    """Unweighted accuracy at each look that training took, over the looked-at clips that have gold.

    Args:
        named: step, sha256, label.
        gold: sha256, gold_label; audio that occurs twice counts once.

    Returns:
        step, ua (a fraction), in order of the steps; no rows where no clip that was looked at has gold.

    >>> named = pl.DataFrame({"step": [0, 0, 9, 9], "sha256": ["a", "b", "a", "b"], "label": ["x", "x", "x", "y"]})
    >>> ua_over_steps(named, pl.DataFrame({"sha256": ["a", "b"], "gold_label": ["x", "y"]})).rows()
    [(0, 0.5), (9, 1.0)]
    """
    known = named.with_columns(pl.col("label").cast(pl.String)).join(gold.unique("sha256"), on="sha256")
    right = (pl.col("label") == pl.col("gold_label")).mean()
    recalls = known.group_by("step", "gold_label").agg(recall=right).sort("step", "gold_label")
    return recalls.group_by("step", maintain_order=True).agg(ua=pl.col("recall").mean())
