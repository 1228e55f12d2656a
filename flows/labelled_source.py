"""The labelled source clips, as `train-source` and whoever else validates on them sees them."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from flows.dag import facts_memory
from flows.place import Place
from tasks import index_clips
from tasks.contracts.errors import ClipsError
from tasks.storage.clip_source import fetch_source
from tasks.storage.clips import each_audio_once, read_usable_clips, speakers_of, transcripts_of
from tasks.students.source_settings import SourceSettings


def labelled_source(place: Place, source: SourceSettings, tell: Callable[[str], None]) -> pl.DataFrame:
    """The usable source clips of the classes that the classifier is to know, each audio once.

    `speaker` is "" and `transcript` null where the manifest says nothing, or two things of one recording.

    Args:
        place: The pipeline.
        source: Its `source` section.
        tell: Hears what is left out, and why.

    Raises:
        ClipsError: A class has no clip.
    """
    table = place.shared("work") / f"source-{place.name}.parquet"
    facts = facts_memory(place.cache)
    fetch_source(source.clips, place.cache)
    index_clips.index_clips(source.clips, place.cache, facts, table)
    clips = read_usable_clips(table)
    classes = place.settings.source_classes
    named = clips.filter(pl.col("gold_label").is_in(classes))
    if unlabelled := each_audio_once(clips).height - each_audio_once(named).height:
        tell(f"{unlabelled:,} clips left out: their label is none of {', '.join(classes)}")
    labelled = each_audio_once(_without_contradictions(named, tell))
    if absent := sorted(set(classes) - set(labelled["gold_label"])):
        found = ", ".join(sorted(set(clips["gold_label"].drop_nulls()))) or "none"
        raise ClipsError(f"source.clips: no clip is labelled {', '.join(absent)}. Labels found: {found}.")
    sha256s = labelled["sha256"].to_list()
    speakers = pl.Series("speaker", speakers_of(clips, sha256s), pl.String).fill_null("")
    return labelled.with_columns(speakers, pl.Series("transcript", transcripts_of(clips, sha256s), pl.String))


def _without_contradictions(named: pl.DataFrame, tell: Callable[[str], None]) -> pl.DataFrame:
    """Less the recordings that are there more than once, with more than one label: nobody knows which is right."""
    contradicts = pl.col("gold_label").n_unique().over("sha256") > 1
    if (twice := named.filter(contradicts).sort("sha256", "clip_id")).height:
        first = twice.filter(pl.col("sha256") == twice["sha256"][0]).select("clip_id", "gold_label").iter_rows()
        told = ", ".join(f'"{clip_id}" is {label}' for clip_id, label in first)
        tell(f"{twice['sha256'].n_unique():,} recordings left out: one and the same has several labels, as in: {told}")
    return named.filter(~contradicts)
