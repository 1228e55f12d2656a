"""Which clips a pipeline has and which of them can be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from pydantic import Field

from tasks.contracts.errors import ClipsError
from tasks.contracts.locations import Location, StorageOptions
from tasks.contracts.settings import OPERATIONAL, Settings
from tasks.contracts.tables import clips_schema
from tasks.storage.audio import AudioFacts
from tasks.storage.tables import read_table


class ClipsSettings(Settings):
    """`clips:` a folder of audio and, optionally, a manifest that names what to use of it; either may be at a URL."""

    folder: Location = Field(json_schema_extra=OPERATIONAL)  # the content counts, not where it lies
    manifest: Location | None = Field(default=None, json_schema_extra=OPERATIONAL)
    options: StorageOptions = Field(default={}, json_schema_extra=OPERATIONAL)  # fsspec's, for URLs
    labels: dict[str, str] = Field(default={})  # the manifest's labels → classes, as in {ang: angry, exc: happy}
    min_duration_s: float = Field(default=0.3, ge=0.1)
    max_duration_s: float = Field(default=60, gt=0)
    silence_dbfs: float = Field(default=-70, le=0)  # a clip whose level over its whole length is below this is silent

    def problem_of(self, facts: AudioFacts) -> str | None:
        """Why a recording cannot be used; None when it can."""
        if facts.problem:
            return facts.problem
        if facts.duration_s < self.min_duration_s:
            return f"too short: {round(facts.duration_s, 2)} s, at least {self.min_duration_s:g} s are needed"
        if facts.duration_s > self.max_duration_s:
            return f"too long: {round(facts.duration_s, 2)} s, at most {self.max_duration_s:g} s are taken"
        if facts.rms_dbfs < self.silence_dbfs:
            return f"silent: {facts.rms_dbfs} dBFS, at least {self.silence_dbfs:g} are needed"
        return None


def read_usable_clips(clips_table: Path) -> pl.DataFrame:
    """The rows of `clips.parquet` that are not quarantined.

    Raises:
        ClipsError: There is none.
    """
    clips = read_table(clips_table, clips_schema())
    usable = clips.filter(pl.col("status") == "ok")
    if not usable.height:
        reasons = clips["reason"].value_counts(sort=True).head(3)
        told = "; ".join(f"{count} × {reason}" for reason, count in reasons.iter_rows())
        raise ClipsError(
            f"all {clips.height} clips are quarantined: {told}. The table {clips_table} says why for each."
        )
    return usable


def each_audio_once(clips: pl.DataFrame) -> pl.DataFrame:
    """One row per audio content, in order of sha256: the same recording under two names is asked and computed once."""
    return clips.unique("sha256", keep="first", maintain_order=True).sort("sha256")


def speakers_of(clips: pl.DataFrame, sha256s: Sequence[str]) -> list[str | None]:
    """Who speaks in each audio content; None where the manifest does not say, or names two for the same recording."""
    return _agreed(clips, "speaker", sha256s)


def transcripts_of(clips: pl.DataFrame, sha256s: Sequence[str]) -> list[str | None]:
    """What is said in each audio content; None where the manifest does not say, or says two things of it."""
    return _agreed(clips, "transcript", sha256s)


def _agreed(clips: pl.DataFrame, column: str, sha256s: Sequence[str]) -> list[str | None]:
    # Not the first row's: rows are in order of clip_id, and a renamed file must not change what is known of it.
    named = clips.filter(pl.col(column) != "").group_by("sha256").agg(pl.col(column).unique())
    known = {sha256: values[0] for sha256, values in named.iter_rows() if len(values) == 1}
    return [known.get(sha256) for sha256 in sha256s]
