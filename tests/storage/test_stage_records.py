"""A result is one when its record says so and its files are as the record says."""

import json
import os
import sys

import pytest

from tasks.contracts.stages import Node
from tasks.storage.stage_records import RECORD, ResultStore, fingerprint_of
from tests.storage.conftest import NODE, Cache


def test_a_finished_result_is_kept_with_what_the_stage_told(cache: Cache) -> None:
    cache.finish()
    kept = cache.store.kept(NODE, "f1")
    assert kept is not None
    assert (kept.fingerprint, kept.stats, kept.took_s, kept.settings) == ("f1", {"n": 1}, 0.5, {"kind": "equal"})


def test_the_record_lists_every_file_of_every_output(cache: Cache) -> None:
    cache.finish()
    kept = cache.store.kept(NODE, "f1")
    assert kept is not None
    files = {output: sorted(files) for output, files in kept.outputs.items()}
    assert files == {"labels.parquet": [""], "student": ["config.json", "sub/weights"]}


def test_outputs_are_shown_in_the_pipelines_folder(cache: Cache) -> None:
    cache.finish()
    assert cache.shown() == "old"
    assert (cache.root / "calls" / "student" / "sub" / "weights").read_text() == "weights"
    assert cache.store.record_of(NODE) == cache.store.kept(NODE, "f1")


def test_the_latest_result_is_shown_and_earlier_ones_are_kept(cache: Cache) -> None:
    cache.finish("f1", "old")
    cache.finish("f2", "new")
    assert cache.shown() == "new"
    assert cache.store.kept(NODE, "f1") is not None


def test_going_back_to_an_earlier_result_shows_it_again(cache: Cache) -> None:
    cache.finish("f1", "old")
    cache.finish("f2", "new")
    earlier = cache.store.kept(NODE, "f1")
    assert earlier is not None
    cache.store.show(NODE, earlier)
    assert (cache.shown(), cache.store.record_of(NODE)) == ("old", earlier)


def test_pipelines_share_results_and_show_their_own(cache: Cache) -> None:
    cache.finish()
    other = ResultStore(cache.root, "other")
    assert other.kept(NODE, "f1") == cache.store.kept(NODE, "f1")
    assert other.record_of(NODE) is None


def test_a_folder_without_a_record_is_not_a_result(cache: Cache) -> None:
    (cache.finish() / RECORD).unlink()
    assert cache.store.kept(NODE, "f1") is None


@pytest.mark.parametrize("content", ["", '{"node": "fuse_la', '{"node": "fuse_labels"}', "[]", '{"new": 1}'])
def test_a_record_that_is_cut_off_or_of_another_version_is_none(content: str, cache: Cache) -> None:
    (cache.finish() / RECORD).write_text(content)
    assert cache.store.kept(NODE, "f1") is None


def test_a_record_of_another_fingerprint_is_none(cache: Cache) -> None:
    cache.finish().rename(cache.store.folder(NODE, "f2"))
    assert cache.store.kept(NODE, "f2") is None


def test_a_result_with_work_left_is_shown_and_says_so(cache: Cache) -> None:
    cache.finish(unfinished="3 draws failed and are asked again")
    kept = cache.store.kept(NODE, "f1")
    assert kept is not None
    assert kept.unfinished == "3 draws failed and are asked again"
    assert cache.shown() == "old"


def test_a_stage_that_broke_off_leaves_what_was_shown(cache: Cache) -> None:
    cache.finish("f1", "old")
    cache.write("half of the new")
    assert cache.shown() == "old"
    assert cache.store.kept(NODE, "f2") is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that exists and fails to read, for root too")
def test_the_record_is_written_after_all_outputs_were_read(cache: Cache) -> None:
    written = cache.write("new")
    (written / "student" / "unreadable").symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error"):
        cache.store.finish(NODE, written, cache.record())
    assert not (written / RECORD).exists()
    assert (cache.store.kept(NODE, "f1"), cache.store.record_of(NODE)) == (None, None)


def test_an_output_that_was_lost_before_it_was_recorded_is_no_result(cache: Cache) -> None:
    written = cache.write("new")
    (written / "labels.parquet").unlink()
    cache.store.finish(NODE, written, cache.record())
    assert cache.store.kept(NODE, "f1") is None


def test_the_record_is_plain_json(cache: Cache) -> None:
    content = json.loads((cache.finish() / RECORD).read_text())
    assert content["outputs"]["labels.parquet"][""].keys() == {"sha256", "size", "mtime_ns"}


def test_checkpoints_are_gone_when_the_stage_is_finished(cache: Cache) -> None:
    work = cache.store.work_folder(NODE, "f1")
    work.mkdir(parents=True)
    (work / "checkpoint").touch()
    cache.finish()
    assert not work.exists()


def test_results_can_be_read_by_those_who_can_read_any_new_folder(cache: Cache) -> None:
    """A scheduled run writes as one user; another opens the tables."""
    before = os.umask(0o022)
    try:
        assert cache.finish().stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(before)


def test_the_fingerprint_changes_with_settings_inputs_and_stage() -> None:
    others = [
        fingerprint_of(NODE, {"clips": "x"}),
        fingerprint_of(Node("fuse_labels", "fuse_labels", {"kind": "entropy"}, (), ()), {}),
        fingerprint_of(Node("mc_dropout", "fuse_labels", {"kind": "equal"}, (), ()), {}),
    ]
    assert len({fingerprint_of(NODE, {}), *others}) == 4


def test_the_fingerprint_does_not_change_with_the_order_of_settings_and_inputs() -> None:
    one = Node("query_lalm", "query_lalm.lalm", {"a": 1, "b": 2}, (), ())
    other = Node("query_lalm", "query_lalm.lalm", {"b": 2, "a": 1}, (), ())
    assert fingerprint_of(one, {"x": "1", "y": "2"}) == fingerprint_of(other, {"y": "2", "x": "1"})
