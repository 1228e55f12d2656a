"""Outputs that were edited, deleted or restored by hand are noticed."""

import os
from pathlib import Path

import pytest

from tasks.storage.stage_records import changed_outputs
from tests.storage.conftest import NODE, Cache


def edit(path: Path, content: str, *, keep_time: bool = False) -> None:
    before = path.stat()
    path.write_text(content)
    later_ns = before.st_mtime_ns + (0 if keep_time else 10**9)
    os.utime(path, ns=(before.st_atime_ns, later_ns))


@pytest.mark.parametrize("output", ["labels.parquet", "student/sub/weights"])
def test_an_edited_result_is_not_kept(output: str, cache: Cache) -> None:
    edit(cache.finish() / output, "edited")
    assert cache.store.kept(NODE, "f1") is None


def test_an_edit_through_the_shown_link_is_noticed(cache: Cache) -> None:
    cache.finish()
    edit(cache.store.shown("labels.parquet"), "edited")
    assert cache.store.kept(NODE, "f1") is None


def test_a_result_that_was_restored_is_kept_again_though_its_time_differs(cache: Cache) -> None:
    file = cache.finish() / "labels.parquet"
    edit(file, "edited")
    edit(file, "old")
    assert cache.store.kept(NODE, "f1") is not None


def test_a_deleted_output_makes_the_result_none(cache: Cache) -> None:
    (cache.finish() / "labels.parquet").unlink()
    assert cache.store.kept(NODE, "f1") is None


def test_what_changed_is_told_by_output(cache: Cache) -> None:
    folder = cache.finish()
    record = cache.store.kept(NODE, "f1")
    assert record is not None
    assert changed_outputs(record, folder) == []
    (folder / "labels.parquet").unlink()
    edit(folder / "student" / "config.json", "[]")
    assert changed_outputs(record, folder) == ["labels.parquet was deleted", "student was edited"]


@pytest.mark.parametrize("change", [lambda s: (s / "new").touch(), lambda s: (s / "config.json").unlink()])
def test_files_added_to_or_deleted_from_an_output_folder_are_noticed(change: object, cache: Cache) -> None:
    folder = cache.finish()
    record = cache.store.kept(NODE, "f1")
    assert record is not None
    change(folder / "student")  # type: ignore[operator]
    assert changed_outputs(record, folder) == ["student was edited: files were added or deleted"]


def test_an_edit_that_keeps_size_and_time_is_found_by_a_deep_look(cache: Cache) -> None:
    folder = cache.finish()
    record = cache.store.kept(NODE, "f1")
    assert record is not None
    edit(folder / "labels.parquet", "odl", keep_time=True)
    assert changed_outputs(record, folder) == []
    assert changed_outputs(record, folder, deep=True) == ["labels.parquet was edited"]
