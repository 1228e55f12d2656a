"""What a pipeline's folder shows is used, by its records and by its links; no other result is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tasks.contracts.stages import Node
from tasks.storage.stage_records import Record, ResultStore
from tasks.storage.unused import linked_results, pipeline_folders, shown_results, unused_results, used_results
from tests.storage.conftest import Cache


def finish(cache: Path, node: Node, fingerprint: str = "f1") -> Path:
    """One file for each output."""
    store = ResultStore(cache, "calls")
    with store.begin(node) as written:
        for output in node.writes:
            (written / output).write_text(fingerprint)
        store.finish(node, written, Record(node.name, fingerprint, 1, {}, {}, {}, {}, 0.5))
    return store.folder(node, fingerprint)


def unused(cache: Cache) -> list[str]:
    root = cache.root
    used = set().union(*(used_results(root, folder.name) for folder in pipeline_folders(root)))
    return [folder.name for folder in unused_results(root, used)]


def test_what_is_shown_is_used_and_what_was_shown_before_is_not(cache: Cache) -> None:
    cache.finish("f1")
    cache.finish("f2")
    assert unused(cache) == ["f1"]


def test_what_any_pipeline_shows_is_used(cache: Cache) -> None:
    cache.finish("f1")
    other = Cache(cache.root)
    other.store = ResultStore(cache.root, "other")
    other.finish("f2")
    assert unused(cache) == []


def test_what_a_killed_run_left_half_written_is_no_result(cache: Cache) -> None:
    cache.finish("f1")
    cache.write("half")
    assert unused(cache) == []


def test_where_the_record_cannot_be_read_the_links_tell(cache: Cache) -> None:
    folder = cache.finish("f1")
    (cache.root / "calls" / ".records" / "fuse_labels.json").write_text("{")
    assert shown_results(cache.root, "calls") == []
    assert used_results(cache.root, "calls") == {folder}


def test_where_there_are_copies_in_the_place_of_links_the_record_tells(cache: Cache) -> None:
    folder = cache.finish("f1")
    for output in ("labels.parquet", "student"):
        (cache.root / "calls" / output).unlink()
    shutil.copy(folder / "labels.parquet", cache.root / "calls" / "labels.parquet")
    assert linked_results(cache.root, "calls") == set()
    assert used_results(cache.root, "calls") == {folder}


def test_a_cache_that_is_itself_a_link_is_looked_through(cache: Cache, tmp_path: Path) -> None:
    folder = cache.finish("f1")
    (tmp_path / "link").symlink_to(cache.root, target_is_directory=True)
    assert linked_results(tmp_path / "link", "calls") == {tmp_path / "link" / folder.relative_to(cache.root)}


def test_links_that_lead_elsewhere_are_no_results(cache: Cache, tmp_path: Path) -> None:
    cache.finish("f1")
    (cache.root / "calls" / "odd").symlink_to(tmp_path)
    (cache.root / "calls" / "dangling").symlink_to(tmp_path / "gone")
    (cache.root / "calls" / "whole").symlink_to(cache.root / "store")
    assert len(linked_results(cache.root, "calls")) == 1


def test_a_folder_without_records_is_no_pipelines(cache: Cache) -> None:
    cache.finish("f1")
    (cache.root / "features" / "logmel-1").mkdir(parents=True)
    assert [folder.name for folder in pipeline_folders(cache.root)] == ["calls"]


def test_results_are_listed_in_the_order_of_the_dag_not_of_the_alphabet(cache: Cache) -> None:
    for name in ("train_student", "evaluate_student", "query_lalm.b", "query_lalm.a", "index_clips"):
        finish(cache.root, Node(name.partition(".")[0], name, {}, (), (f"{name}.txt",)))
    nodes = [result.record.node for result in shown_results(cache.root, "calls")]
    assert nodes == ["index_clips", "query_lalm.a", "query_lalm.b", "train_student", "evaluate_student"]


def test_a_stage_of_a_later_version_comes_last(cache: Cache) -> None:
    finish(cache.root, Node("train_student", "train_student", {}, (), ("student.txt",)))
    file = cache.root / "calls" / ".records" / "train_student.json"
    (file.parent / "a_new_one.json").write_text(file.read_text().replace('"train_student"', '"a_new_one"'))
    assert [result.record.node for result in shown_results(cache.root, "calls")] == ["train_student", "a_new_one"]


def test_when_a_result_was_made_is_told_by_its_record_since_copies_have_other_times(cache: Cache) -> None:
    folder = cache.finish("f1")
    (before,) = shown_results(cache.root, "calls")
    outputs = [folder / "labels.parquet", *(folder / "student").rglob("*")]
    assert before.written_at_s == max(file.stat().st_mtime_ns for file in outputs if file.is_file()) / 1e9
    for file in folder.rglob("*"):
        os.utime(file, (0, 0))
    (after,) = shown_results(cache.root, "calls")
    assert after.written_at_s == before.written_at_s
