"""Records of other versions and of copies; what they say of why a stage ran; results that are made again."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.stage_records import RECORD
from tests.storage.conftest import NODE, Cache, fill


def test_a_record_says_why_the_stage_ran(cache: Cache) -> None:
    with cache.store.begin(NODE) as written:
        record = replace(cache.record(), reasons=["fuse.kind: mutual_information → equal"])
        cache.store.finish(NODE, fill(written, "new"), record)
    kept = cache.store.kept(NODE, "f1")
    assert kept is not None
    assert kept.reasons == ["fuse.kind: mutual_information → equal"]


@pytest.mark.parametrize("change", [lambda c: c.pop("reasons"), lambda c: c.update(later={"a": 1})])
def test_records_of_earlier_and_later_versions_are_read(
    change: Callable[[dict[str, Any]], object], cache: Cache
) -> None:
    file = cache.finish() / RECORD
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    kept = cache.store.kept(NODE, "f1")
    assert kept is not None
    assert kept.reasons == []


def test_a_result_that_is_made_again_replaces_the_one_that_was_edited(cache: Cache) -> None:
    folder = cache.finish()
    (folder / "labels.parquet").write_text("edited")
    cache.finish(content="again")
    assert cache.shown() == "again"
    assert cache.store.kept(NODE, "f1") is not None
    assert [path.name for path in folder.parent.iterdir()] == ["f1"]


def date_anew(cache: Cache) -> None:
    for root, _, names in os.walk(cache.root):
        for name in names:
            os.utime(Path(root, name), (1, 1))


def noted_times(cache: Cache) -> set[int]:
    records = (cache.store.kept(NODE, "f1"), cache.store.record_of(NODE))
    files = [file for record in records if record for output in record.outputs.values() for file in output.values()]
    assert len(files) == 6
    return {file["mtime_ns"] for file in files}


def test_the_times_of_a_copy_are_noted(cache: Cache) -> None:
    cache.finish()
    date_anew(cache)
    cache.store.note_times(NODE, "f1")
    assert noted_times(cache) == {1_000_000_000}


def test_the_time_of_an_edited_file_is_not_noted(cache: Cache) -> None:
    file = cache.finish() / "labels.parquet"
    file.write_text("new")
    cache.store.note_times(NODE, "f1")
    assert cache.store.kept(NODE, "f1") is None


def test_a_record_whose_times_are_right_is_not_written_again(cache: Cache) -> None:
    record = cache.finish() / RECORD
    before = record.stat().st_ino
    cache.store.note_times(NODE, "f1")
    assert record.stat().st_ino == before
