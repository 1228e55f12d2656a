"""Hashes are remembered by size and time; a memory that is lost or damaged costs work and nothing else."""

import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tasks.storage.file_hashes import hash_files
from tasks.storage.file_stats import stats_of


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Folder:
    """A folder of files and the memory of their hashes."""

    path: Path

    @property
    def memory(self) -> Path:
        return self.path / "cache" / "hashes.parquet"

    def write(self, name: str, content: bytes, time_ns: int = 1_700_000_000_000_000_000) -> None:
        (self.path / name).write_bytes(content)
        os.utime(self.path / name, ns=(time_ns, time_ns))

    def hash(self, *names: str, deep: bool = False) -> list[str | None]:
        return hash_files(self.path, stats_of(self.path, names), self.memory, deep=deep)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("a", b"abc")
    return folder


def test_hashes_come_in_the_order_of_the_files(folder: Folder) -> None:
    folder.write("b", b"")
    assert folder.hash("b", "a") == [sha256_of(b""), sha256_of(b"abc")]


def test_a_file_of_the_same_size_and_time_is_not_read_again(folder: Folder) -> None:
    folder.hash("a")
    folder.write("a", b"xyz")
    assert folder.hash("a") == [sha256_of(b"abc")]


def test_deep_reads_every_file_again_and_remembers_what_it_found(folder: Folder) -> None:
    folder.hash("a")
    folder.write("a", b"xyz")
    assert folder.hash("a", deep=True) == [sha256_of(b"xyz")]
    assert folder.hash("a") == [sha256_of(b"xyz")]


@pytest.mark.parametrize(
    ("content", "time_ns"), [(b"xyz", 1_700_000_000_000_000_001), (b"abcd", 1_700_000_000 * 10**9)]
)
def test_another_time_or_size_is_noticed(content: bytes, time_ns: int, folder: Folder) -> None:
    folder.hash("a")
    folder.write("a", content, time_ns)
    assert folder.hash("a") == [sha256_of(content)]


def test_the_memory_is_not_rewritten_when_nothing_changed(folder: Folder) -> None:
    folder.hash("a")
    before = folder.memory.stat()
    folder.hash("a")
    assert (folder.memory.stat().st_ino, folder.memory.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_was_written_a_moment_ago_is_not_trusted_by_its_time(folder: Folder) -> None:
    """Within one tick of the disk's clock a second edit of the same length leaves size and time as they were."""
    now_ns = time.time_ns()
    folder.write("a", b"abc", now_ns)
    folder.hash("a")
    folder.write("a", b"xyz", now_ns)
    assert folder.hash("a") == [sha256_of(b"xyz")]


@pytest.mark.parametrize("time_ns", [1, 4_000_000_000 * 10**9])
def test_files_of_another_clock_are_remembered(time_ns: int, folder: Folder) -> None:
    """Dated 1970 or 2096, by a clock that was set wrong: only whether the time is the same matters."""
    folder.write("a", b"abc", time_ns)
    folder.hash("a")
    folder.write("a", b"xyz", time_ns)
    assert folder.hash("a") == [sha256_of(b"abc")]


def test_a_memory_that_cannot_be_written_costs_hashing_and_nothing_else(folder: Folder) -> None:
    folder.memory.parent.write_text("a file where the folder should be")
    assert folder.hash("a") == folder.hash("a") == [sha256_of(b"abc")]


def test_what_is_gone_is_forgotten(folder: Folder) -> None:
    folder.write("b", b"")
    folder.hash("a", "b")
    folder.hash("a")
    assert pl.read_parquet(folder.memory)["path"].to_list() == ["a"]


def test_a_damaged_memory_is_made_anew(folder: Folder) -> None:
    folder.hash("a")
    folder.memory.write_bytes(b"no Parquet")
    assert folder.hash("a") == folder.hash("a") == [sha256_of(b"abc")]


def test_a_file_named_twice_has_its_hash_twice_however_often_it_is_asked_for(folder: Folder) -> None:
    for _ in range(3):
        assert folder.hash("a", "a") == [sha256_of(b"abc")] * 2


def test_no_file_has_no_hashes(folder: Folder) -> None:
    assert folder.hash() == []


def test_what_cannot_be_read_has_no_hash_and_leaves_the_others_alone(folder: Folder) -> None:
    (folder.path / "b").mkdir()
    assert folder.hash("b", "a") == [None, sha256_of(b"abc")]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that exists and fails to read, for root too")
def test_what_could_not_be_read_is_tried_again(folder: Folder) -> None:
    (folder.path / "b").symlink_to("/proc/self/mem")
    assert folder.hash("b") == [None]
    (folder.path / "b").unlink()
    folder.write("b", b"abc")
    assert folder.hash("b") == [sha256_of(b"abc")]
