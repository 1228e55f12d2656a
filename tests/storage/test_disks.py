"""A disk that is full, closed or broken is told by its path, whatever library found out; the old content stays."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file

from tasks.contracts.errors import DiskError
from tasks.storage.answers import AnswerStore
from tasks.storage.disks import disk_error, raised_by_disks, writing_to
from tasks.storage.files import replacing, write_json
from tasks.students.base import Checkpoint
from tasks.students.checkpoints import read_checkpoint, write_checkpoint

MANY = 100_000


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """The system's own limit: a write beyond it fails, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_arrow(path: Path) -> None:
    schema = pa.schema([("x", pa.float64())])
    with pa.ipc.new_file(str(path), schema) as writer:
        writer.write(pa.record_batch([pa.array(np.random.default_rng(0).random(MANY))], schema))


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("x" * MANY),
    "parquet": lambda path: pl.DataFrame({"x": np.random.default_rng(0).random(MANY)}).write_parquet(path),
    "csv": lambda path: pl.DataFrame({"x": np.arange(MANY)}).write_csv(path),
    "arrow": write_arrow,
    "safetensors": lambda path: save_file({"x": torch.zeros(MANY)}, path),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_does_not_fit_is_named_with_what_to_do(kind: str, tmp_path: Path) -> None:
    told = rf"^{tmp_path}/table: File too large\. What was finished .* `mifuse cache ls` .* --unused`.* --cache DIR"
    with no_file_beyond(4096), pytest.raises(DiskError, match=told), replacing(tmp_path / "table") as temporary:
        WRITERS[kind](temporary)


@pytest.mark.parametrize("kind", WRITERS)
def test_the_old_content_stays_and_no_half_of_the_new(kind: str, tmp_path: Path) -> None:
    (tmp_path / "table").write_text("old")
    with no_file_beyond(4096), pytest.raises(DiskError), replacing(tmp_path / "table") as temporary:
        WRITERS[kind](temporary)
    assert [path.name for path in tmp_path.iterdir()] == ["table"]
    assert (tmp_path / "table").read_text() == "old"


def checkpoint(value: float) -> Checkpoint:
    return Checkpoint(step=1, state={"weights": torch.full((MANY,), value)}, curves=[])


def test_the_last_checkpoint_stays_where_the_next_does_not_fit(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint(1.0))
    with no_file_beyond(4096), pytest.raises(DiskError, match=r"checkpoint\.pt: File too large"):
        write_checkpoint(tmp_path, checkpoint(2.0))
    kept = read_checkpoint(tmp_path)
    assert kept is not None
    assert kept.state["weights"][0] == 1.0


def test_answers_that_have_no_room_name_their_folder(tmp_path: Path) -> None:
    with no_file_beyond(0), pytest.raises(DiskError, match=rf"^{tmp_path}/answers: .*the same command goes on"):
        AnswerStore(tmp_path / "answers")


def test_a_database_that_may_not_be_written_is_told_by_what_sqlite_says(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "db").execute("create table t (x)").close()
    closed = sqlite3.connect(f"file:{tmp_path / 'db'}?mode=ro", uri=True)
    told = r"answers: attempt to write a readonly database\. What .* Let this user read and write there"
    with pytest.raises(DiskError, match=told), writing_to(tmp_path / "answers"):
        closed.execute("insert into t values (1)")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room"),
        (errno.EDQUOT, "Make room"),
        (errno.EROFS, "Let this user read and write there"),
        (errno.EACCES, "Let this user read and write there"),
        (errno.EIO, "Look whether the disk is full or broken"),
        (errno.ENOLCK, "Locks keep two runs apart, and this file system has none"),
    ],
)
def test_what_to_do_depends_on_what_the_system_said(number: int, advice: str) -> None:
    told = str(disk_error(OSError(number, os.strerror(number), "/disk/table")))
    assert told.startswith(f"/disk/table: {os.strerror(number)}. ")
    assert advice in told


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "gone", "x"), BrokenPipeError(errno.EPIPE, "closed"), OSError("odd")]
)
def test_what_no_disk_is_to_blame_for_is_left_as_it_is(error: OSError, tmp_path: Path) -> None:
    assert disk_error(error) is None
    with pytest.raises(type(error)) as raised, writing_to(tmp_path):
        raise error
    assert raised.value is error


def test_the_path_of_the_error_counts_and_not_that_of_the_block(tmp_path: Path) -> None:
    with no_file_beyond(4096), pytest.raises(DiskError, match=rf"^{tmp_path}/inner: File"), writing_to(tmp_path):
        write_json(tmp_path / "inner", "x" * MANY)


def test_all_kinds_of_errors_that_libraries_raise_for_a_disk_are_known() -> None:
    names = {kind.__name__ for kind in raised_by_disks()}
    assert names == {"OSError", "OperationalError", "PolarsError", "SafetensorError"}
