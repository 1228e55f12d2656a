"""Rows of a table of clips → recordings with what is said in them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.encoders.batches import AudioFile
from tasks.storage.clips import transcripts_of


def files_in(rows: pl.DataFrame, folder: Path, clips: pl.DataFrame | None = None) -> list[AudioFile]:
    """The recordings, in order.

    Args:
        rows: With sha256, path and duration_s.
        folder: What the paths are relative to.
        clips: All clips as they were indexed, which say what is said; None: nobody asks.
    """
    said = transcripts_of(clips, rows["sha256"].to_list()) if clips is not None else [None] * rows.height
    facts = rows.select("sha256", "path", "duration_s").iter_rows()
    return [
        AudioFile(s, folder / path, duration_s, words) for (s, path, duration_s), words in zip(facts, said, strict=True)
    ]
