"""Stage: a folder of audio, and a manifest if there is one → `clips.parquet`. Bad audio is a row with a reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.errors import ClipsError
from tasks.contracts.progress import progress_bar
from tasks.contracts.tables import CLIP_STATUS, clips_schema
from tasks.storage.audio import AudioFacts, measure_audio
from tasks.storage.audio_facts import FACTS_SCHEMA, read_facts
from tasks.storage.clip_source import audio_folder, hash_source, list_source, not_fetched
from tasks.storage.clips import ClipsSettings
from tasks.storage.files import replacing, sha256_of_file
from tasks.storage.tables import write_table

_MOVED = "moved or changed since it was listed"
_THREADS = 4  # libsndfile decodes outside the interpreter's lock


# NO_CACHE: freshness is decided by our stage records; Prefect would compare path strings, not files.
@task(name="index_clips", cache_policy=NO_CACHE)
def index_clips(clips: ClipsSettings, cache: Path, facts: Path, out: Path) -> dict[str, Any]:
    """Lists, hashes and measures every recording; what was measured before is looked up by its content.

    Args:
        clips: Which recordings, and when one is too short, too long or silent.
        cache: Where hashes are remembered by size and time; and copies of what lies at a URL, fetched before.
        facts: Where measurements are remembered by content.
        out: `clips.parquet`.
    """
    listed = list_source(clips, cache)
    if unknown := len(not_fetched(clips, cache)):
        raise ClipsError(f"{clips.folder}: {unknown:,} files are not fetched any more; the same command fetches them.")
    listed = listed.with_columns(sha256=pl.Series(hash_source(clips, listed, cache), dtype=pl.String))
    measured, new = _measured(listed, clips, cache, facts)
    rows = listed.join(measured, on="sha256", how="left")
    reasons = [_reason(clips, row) for row in rows.iter_rows(named=True)]
    rows = rows.with_columns(reason=pl.Series(reasons, dtype=pl.String))
    rows = rows.with_columns(
        status=pl.when(pl.col("reason").is_null()).then(pl.lit("ok")).otherwise(pl.lit("quarantined")).cast(CLIP_STATUS)
    )
    write_table(out, rows.select(clips_schema().keys()), clips_schema())
    usable, moved = int((rows["status"] == "ok").sum()), int((rows["reason"] == _MOVED).sum())
    hours = float(rows.filter(pl.col("status") == "ok")["duration_s"].sum()) / 3600
    left = (
        {"unfinished": f"{moved:,} clip{'s' * (moved != 1)} moved or changed while the index was made"} if moved else {}
    )
    return {"clips": rows.height, "quarantined": rows.height - usable, "hours": round(hours, 3), "measured": new} | left


def _measured(listed: pl.DataFrame, clips: ClipsSettings, cache: Path, memory: Path) -> tuple[pl.DataFrame, int]:
    """What is known of all of them, and how many had to be decoded for it."""
    known = read_facts(memory)
    new = listed.drop_nulls("sha256").unique("sha256", keep="first", maintain_order=True)
    new = new.join(known, on="sha256", how="anti", maintain_order="left")
    if not new.height:
        return known, 0
    folder = audio_folder(clips, cache, dict(new.select("path", "sha256").iter_rows()))
    paths = [folder / path for path in new["path"]]
    with ThreadPoolExecutor(_THREADS) as pool, progress_bar("measuring audio", len(paths), "clips") as bar:
        facts: list[AudioFacts | None] = []
        for fact in pool.map(_measure, paths, new["sha256"]):
            facts.append(fact)
            bar.update()
    rows = [{"sha256": sha256} | asdict(fact) for sha256, fact in zip(new["sha256"], facts, strict=True) if fact]
    everything = pl.concat([known, pl.DataFrame(rows, FACTS_SCHEMA)])
    with replacing(memory) as temporary:
        everything.write_parquet(temporary)
    return everything, len(rows)


def _measure(path: Path, sha256: str) -> AudioFacts | None:
    """None where the file is not what was listed any more: what it says would be kept under another's key."""
    facts = measure_audio(path)
    try:
        return facts if sha256_of_file(path) == sha256 else None
    except OSError:
        return None


def _reason(clips: ClipsSettings, row: dict[str, Any]) -> str | None:
    """Why a clip cannot be used; None when it can."""
    if row["sha256"] is None:
        return "unreadable: the file cannot be opened"
    if row["duration_s"] is None:
        return _MOVED
    return clips.problem_of(AudioFacts(**{field.name: row[field.name] for field in fields(AudioFacts)}))
