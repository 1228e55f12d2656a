"""The labelled source clips: what is known of a recording that stands in the manifest more than once."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl

from flows.labelled_source import labelled_source
from flows.place import look_at_place
from tasks.synthesis.corpus import make_corpus
from tests.flows.conftest import Project


def test_a_recording_with_two_speakers_and_transcripts_counts_as_one_without(tmp_path: Path) -> None:
    """Whatever the files are called: neither row is believed because it comes first."""
    project = Project(tmp_path)
    project.change()
    make_corpus(project.folder / "source", "source", clips_per_class=2)
    manifest = project.folder / "source" / "manifest.csv"
    rows = pl.read_csv(manifest).with_columns(transcript=pl.lit("oh no"))
    first, copy = project.folder / "source" / rows["path"][0], "audio/again.flac"
    shutil.copy(first, project.folder / "source" / copy)
    again = rows[:1].with_columns(path=pl.lit(copy), clip_id=pl.lit("again"))
    again = again.with_columns(speaker=pl.lit("somebody else"), transcript=pl.lit("yes please"))
    pl.concat([rows, again]).write_csv(manifest)
    place = look_at_place("small", project.folder / "pipelines.yaml", project.cache)
    assert place.settings.source is not None
    found = labelled_source(place, place.settings.source, print)
    assert found.height == rows.height
    assert found.filter(pl.col("speaker") == "")["path"].str.contains("again|" + first.name).to_list() == [True]
    assert sorted(found["transcript"].fill_null("").to_list()) == ["", *["oh no"] * (rows.height - 1)]
