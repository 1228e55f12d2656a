"""Which clips can be used, and what `clips:` in pipelines.yaml takes."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from tasks.contracts.errors import ClipsError, TableError
from tasks.contracts.tables import clips_schema
from tasks.storage.clips import ClipsSettings, each_audio_once, read_usable_clips, speakers_of
from tasks.storage.tables import write_table


def write(path: Path, *rows: dict[str, Any]) -> Path:
    table = pl.DataFrame([{"path": "a.wav", "sha256": "0", "status": "ok"} | row for row in rows], clips_schema())
    write_table(path, table, clips_schema())
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clips.parquet"


def test_quarantined_clips_are_left_out(path: Path) -> None:
    write(path, {"clip_id": "a"}, {"clip_id": "b", "status": "quarantined", "reason": "silent"}, {"clip_id": "c"})
    assert read_usable_clips(path)["clip_id"].to_list() == ["a", "c"]


def test_when_all_are_quarantined_the_most_frequent_reasons_and_the_table_are_told(path: Path) -> None:
    bad = [{"clip_id": str(i), "status": "quarantined", "reason": "silent" if i else "too short"} for i in range(3)]
    told = r"all 3 clips are quarantined: 2 × silent; 1 × too short. The table .*clips.parquet says why for each."
    with pytest.raises(ClipsError, match=told):
        read_usable_clips(write(path, *bad))


def test_a_missing_index_names_the_command_that_makes_it(path: Path) -> None:
    with pytest.raises(TableError, match="`mifuse run` makes it"):
        read_usable_clips(path)


def test_audio_under_several_ids_is_listed_once_in_order_of_content() -> None:
    clips = pl.DataFrame({"clip_id": ["a", "b", "c"], "sha256": ["2", "1", "2"]})
    assert each_audio_once(clips).rows() == [("b", "1"), ("a", "2")]


@pytest.mark.parametrize(
    ("named", "speaker"),
    [
        (["ann", "ann"], "ann"),
        (["ann", "ben"], None),
        (["ben", "ann"], None),
        ([None, "ben"], "ben"),
        (["", None], None),
    ],
    ids=str,
)
def test_who_speaks_is_known_where_all_names_of_a_recording_agree(named: list[str | None], speaker: str | None) -> None:
    """Whatever the order of its names: a renamed file must not change who speaks."""
    clips = pl.DataFrame({"sha256": ["1", "1"], "speaker": named}, {"sha256": pl.String, "speaker": pl.String})
    assert speakers_of(clips, ["1"]) == [speaker]


def test_who_speaks_is_told_in_the_order_that_is_asked_for() -> None:
    clips = pl.DataFrame({"sha256": ["1", "2", "3"], "speaker": ["ann", None, "cy"]})
    assert speakers_of(clips, ["3", "2", "1"]) == ["cy", None, "ann"]


def test_where_the_audio_lies_is_no_part_of_the_fingerprint() -> None:
    one = ClipsSettings(folder="a", manifest="a.csv", labels={"ang": "angry"})
    assert one.fingerprint() == ClipsSettings(folder="b", labels={"ang": "angry"}).fingerprint()


@pytest.mark.parametrize(
    "changed", [{"labels": {"x": "y"}}, {"min_duration_s": 1}, {"max_duration_s": 9}, {"silence_dbfs": -50}]
)
def test_what_decides_about_a_clip_is_part_of_the_fingerprint(changed: dict[str, Any]) -> None:
    assert ClipsSettings(folder="a", **changed).fingerprint() != ClipsSettings(folder="a").fingerprint()


@pytest.mark.parametrize("wrong", [{"min_duration_s": 0}, {"max_duration_s": 0}, {"silence_dbfs": 1}, {"floder": "a"}])
def test_a_setting_that_makes_no_sense_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ClipsSettings(folder="a", **wrong)
