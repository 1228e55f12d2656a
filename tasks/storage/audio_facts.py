"""What was measured of each audio content, remembered so that it is decoded once."""

from __future__ import annotations

from pathlib import Path

import polars as pl

FACTS_SCHEMA = {
    "sha256": pl.String(),
    "duration_s": pl.Float64(),
    "sample_rate_hz": pl.Int64(),
    "channels": pl.Int64(),
    "rms_dbfs": pl.Float64(),
    "problem": pl.String(),
}


def read_facts(memory: Path) -> pl.DataFrame:
    """One row per audio content; none where the memory is absent or damaged: then it is measured again."""
    try:
        return pl.read_parquet(memory).select(FACTS_SCHEMA.keys())
    except (OSError, pl.exceptions.PolarsError):
        return pl.DataFrame(schema=FACTS_SCHEMA)
