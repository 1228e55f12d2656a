"""Stage: a folder of audio, and a manifest if there is one → `clips.parquet`. Bad audio is a row with a reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.progress import progress_bar
from tasks.contracts.tables import CLIP_STATUS, clips_schema
from tasks.storage.audio import AudioFacts, measure_audio
from tasks.storage.clips import ClipsSettings
from tasks.storage.file_hashes import hash_files
from tasks.storage.files import replacing
from tasks.storage.manifests import list_clips
from tasks.storage.tables import write_table

_FACTS_SCHEMA = {
    "sha256": pl.String(),
    "duration_s": pl.Float64(),
    "sample_rate_hz": pl.Int64(),
    "channels": pl.Int64(),
    "rms_dbfs": pl.Float64(),
    "problem": pl.String(),
}
_THREADS = 4  # libsndfile decodes outside the interpreter's lock


# NO_CACHE: freshness is decided by our stage records; Prefect would compare path strings, not files.
@task(name="index_clips", cache_policy=NO_CACHE)
def index_clips(clips: ClipsSettings, hashes: Path, facts: Path, out: Path) -> dict[str, Any]:
    """Lists, hashes and measures every recording; what was measured before is looked up by its content.

    Args:
        clips: Which recordings, and when one is too short, too long or silent.
        hashes: Where hashes are remembered by size and time.
        facts: Where measurements are remembered by content.
        out: `clips.parquet`.
    """
    listed = list_clips(clips.folder, clips.manifest, clips.labels)
    listed = listed.with_columns(
        sha256=pl.Series(hash_files(clips.folder, listed["path"].to_list(), hashes), dtype=pl.String)
    )
    measured = _measured(listed, clips.folder, facts)
    rows = listed.join(measured, on="sha256", how="left").with_columns(reason=_reason(clips))
    rows = rows.with_columns(
        status=pl.when(pl.col("reason").is_null()).then(pl.lit("ok")).otherwise(pl.lit("quarantined")).cast(CLIP_STATUS)
    )
    write_table(out, rows.select(clips_schema().keys()), clips_schema())
    usable = int((rows["status"] == "ok").sum())
    hours = float(rows.filter(pl.col("status") == "ok")["duration_s"].sum()) / 3600
    return {"clips": rows.height, "quarantined": rows.height - usable, "hours": round(hours, 3)}


def _measured(listed: pl.DataFrame, folder: Path, memory: Path) -> pl.DataFrame:
    known = _remembered(memory)
    new = listed.drop_nulls("sha256").unique("sha256", keep="first", maintain_order=True)
    new = new.join(known, on="sha256", how="anti", maintain_order="left")
    if not new.height:
        return known
    paths = [folder / path for path in new["path"]]
    with ThreadPoolExecutor(_THREADS) as pool, progress_bar("measuring audio", len(paths), "clips") as bar:
        facts: list[AudioFacts] = []
        for fact in pool.map(measure_audio, paths):
            facts.append(fact)
            bar.update()
    rows = [{"sha256": sha256} | asdict(fact) for sha256, fact in zip(new["sha256"], facts, strict=True)]
    everything = pl.concat([known, pl.DataFrame(rows, _FACTS_SCHEMA)])
    with replacing(memory) as temporary:
        everything.write_parquet(temporary)
    return everything


def _remembered(memory: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(memory).select(_FACTS_SCHEMA.keys())
    except (OSError, pl.exceptions.PolarsError):  # absent or damaged: measured again
        return pl.DataFrame(schema=_FACTS_SCHEMA)


def _reason(clips: ClipsSettings) -> pl.Expr:
    """Why a clip cannot be used; null when it can."""
    duration, level = pl.col("duration_s"), pl.col("rms_dbfs")
    told = pl.format("{} s", duration.round(2))
    return (
        pl.when(pl.col("sha256").is_null())
        .then(pl.lit("unreadable: the file cannot be opened"))
        .when(pl.col("problem").is_not_null())
        .then(pl.col("problem"))
        .when(duration < clips.min_duration_s)
        .then(pl.format(f"too short: {{}}, at least {clips.min_duration_s:g} s are needed", told))
        .when(duration > clips.max_duration_s)
        .then(pl.format(f"too long: {{}}, at most {clips.max_duration_s:g} s are taken", told))
        .when(level < clips.silence_dbfs)
        .then(pl.format(f"silent: {{}} dBFS, at least {clips.silence_dbfs:g} are needed", level))
        .otherwise(None)
    )
