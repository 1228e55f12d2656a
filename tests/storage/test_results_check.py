"""Results that are not as their record says, and tables that cannot be read, are found; and how much lies where."""

import os
from pathlib import Path

import polars as pl

from tasks.storage.folder_sizes import FolderSize, size_of
from tasks.storage.results_check import check_results, check_tables, result_folders
from tests.storage.conftest import Cache


def check(cache: Cache) -> list[str]:
    store = cache.root / "store"
    return check_results(store, result_folders(store), lambda: None)


def test_results_as_they_were_written_are_sound(cache: Cache) -> None:
    cache.finish("f1")
    cache.finish("f2", "new")
    assert len(result_folders(cache.root / "store")) == 2
    assert check(cache) == []


def test_an_edit_that_kept_size_and_time_is_found(cache: Cache) -> None:
    file = cache.finish() / "labels.parquet"
    stat = file.stat()
    file.write_text("odd")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert check(cache) == ["fuse_labels/f1: labels.parquet was edited"]


def test_all_that_is_wrong_with_a_result_is_told(cache: Cache) -> None:
    folder = cache.finish()
    (folder / "labels.parquet").unlink()
    (folder / "student" / "more").touch()
    assert check(cache) == [
        "fuse_labels/f1: labels.parquet was deleted; student was edited: files were added or deleted"
    ]


def test_a_result_without_a_record_is_told(cache: Cache) -> None:
    (cache.finish() / "record.json").write_text("{")
    assert check(cache) == ["fuse_labels/f1: record.json is missing or cannot be read"]


def test_a_result_under_the_name_of_another_is_told(cache: Cache) -> None:
    folder = cache.finish()
    folder.rename(folder.with_name("f2"))
    assert check(cache) == ["fuse_labels/f2: record.json is that of another result"]


def test_what_a_killed_run_left_half_written_is_no_result(cache: Cache) -> None:
    cache.write("half")
    assert result_folders(cache.root / "store") == []


def test_a_table_that_is_cut_off_is_told_by_its_name(tmp_path: Path) -> None:
    good, cut = tmp_path / "good.parquet", tmp_path / "cut.parquet"
    pl.DataFrame({"sha256": ["a"], "x": [1.0]}).write_parquet(good)
    cut.write_bytes(good.read_bytes()[:-20])
    (told,) = check_tables([good, cut], None, lambda: None)
    assert told.startswith("cut.parquet cannot be read (")


def test_a_table_without_the_column_is_told(tmp_path: Path) -> None:
    table = tmp_path / "a.parquet"
    pl.DataFrame({"x": [1.0]}).write_parquet(table)
    (told,) = check_tables([table], "sha256", lambda: None)
    assert "sha256" in told


def test_a_folders_size_counts_files_at_every_depth_and_not_what_links_show(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a").write_bytes(b"12345")
    (tmp_path / "in" / "deep" / "b").write_bytes(b"123")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c").write_bytes(b"1" * 10_000)
    assert size_of(tmp_path / "in") == FolderSize(2, 8)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with_link = size_of(tmp_path / "in")
    assert with_link.files == 3
    assert with_link.bytes < 10_000
