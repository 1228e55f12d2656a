"""Each content is measured once: what was measured before is looked up."""

import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.storage.clip_source import hash_source, list_source
from tasks.storage.clips import ClipsSettings
from tasks.storage.listed_once import listed_once
from tests.index_clips.conftest import NOISE_1_S, Corpus


def test_what_was_measured_is_looked_up_by_its_content(corpus: Corpus) -> None:
    corpus.index()
    facts = pl.read_parquet(corpus.facts)
    facts.with_columns(duration_s=pl.lit(7.5)).write_parquet(corpus.facts)
    assert corpus.index()["good"]["duration_s"] == 7.5


def state_of(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_a_second_run_measures_nothing_and_gives_the_same_bytes(corpus: Corpus) -> None:
    corpus.add("bad.wav", np.zeros(0))
    corpus.index()
    before, content = state_of(corpus.facts), corpus.out.read_bytes()
    corpus.index()
    assert state_of(corpus.facts) == before
    assert corpus.out.read_bytes() == content


def test_renamed_copied_and_touched_files_are_not_measured_again(corpus: Corpus) -> None:
    corpus.add("other.wav", NOISE_1_S[::-1])
    corpus.index()
    before = state_of(corpus.facts)
    (corpus.folder / "other.wav").rename(corpus.folder / "renamed.wav")
    shutil.copy(corpus.folder / "good.wav", corpus.folder / "copy.wav")
    os.utime(corpus.folder / "good.wav", (1, 1))
    assert list(corpus.index()) == ["copy", "good", "renamed"]
    assert state_of(corpus.facts) == before


def test_a_new_recording_is_measured_and_the_others_are_looked_up(corpus: Corpus) -> None:
    corpus.index()
    known = pl.read_parquet(corpus.facts).with_columns(duration_s=pl.lit(7.5))
    known.write_parquet(corpus.facts)
    corpus.add("new.wav", NOISE_1_S[:8_000])
    rows = corpus.index()
    assert {name: row["duration_s"] for name, row in rows.items()} == {"good": 7.5, "new": 0.5}


def test_an_edited_recording_is_measured_again(corpus: Corpus) -> None:
    corpus.index()
    corpus.add("good.wav", NOISE_1_S[:8_000])
    assert corpus.index()["good"]["duration_s"] == 0.5


def test_other_limits_need_no_new_measurement(corpus: Corpus) -> None:
    corpus.index()
    before = state_of(corpus.facts)
    assert corpus.index(min_duration_s=2)["good"]["reason"] == "too short: 1.0 s, at least 2 s are needed"
    assert state_of(corpus.facts) == before


def test_damaged_facts_are_measured_again(corpus: Corpus) -> None:
    rows = corpus.index()
    corpus.facts.write_bytes(b"no Parquet")
    assert corpus.index() == rows


def test_the_same_audio_under_two_names_is_two_rows_and_measured_once(corpus: Corpus) -> None:
    shutil.copy(corpus.folder / "good.wav", corpus.folder / "copy.wav")
    rows = corpus.index()
    assert rows["good"] | {"clip_id": "copy", "path": "copy.wav"} == rows["copy"]
    assert pl.read_parquet(corpus.facts).height == 1


@pytest.mark.parametrize("what", ["renamed", "written again"])
def test_what_became_of_a_recording_after_it_was_listed_is_not_kept_as_what_it_holds(what: str, corpus: Corpus) -> None:
    """Else it would be bad audio for ever, under whatever name it comes back."""
    path, clips = corpus.add("new.wav", NOISE_1_S[::-1]), ClipsSettings(folder=corpus.folder)
    content = path.read_bytes()
    with listed_once():
        hash_source(clips, list_source(clips, corpus.root / "cache"), corpus.root / "cache")
        path.rename(corpus.folder / "x.wav") if what == "renamed" else path.write_text("no audio")
        assert corpus.index()["new"]["reason"] == "moved or changed since it was listed"
        assert corpus.stats["unfinished"] == "1 clip moved or changed while the index was made"
    (corpus.folder / "back.wav").write_bytes(content)
    assert corpus.index()["back"]["status"] == "ok"
    assert "unfinished" not in corpus.stats
