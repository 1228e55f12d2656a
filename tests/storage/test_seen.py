"""`seen.parquet`: what was written comes back in the order that is asked for."""

from pathlib import Path

import numpy as np
import pytest

from tasks.contracts.errors import TableError
from tasks.storage.seen import read_seen, write_seen

SEEN = np.array([[1.5, -2.0], [0.25, 4.0], [7.0, 8.0]], dtype=np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_seen(tmp_path / "seen.parquet", ["b", "a", "c"], SEEN)
    return tmp_path / "seen.parquet"


def test_clips_come_back_in_the_order_that_is_asked_for(path: Path) -> None:
    seen_ND = read_seen(path, ["c", "b"])
    assert seen_ND.tolist() == [[7.0, 8.0], [1.5, -2.0]]
    assert seen_ND.dtype == np.float32


def test_the_order_of_the_clips_does_not_change_a_byte(path: Path, tmp_path: Path) -> None:
    write_seen(tmp_path / "other.parquet", ["a", "b", "c"], SEEN[[1, 0, 2]])
    assert (tmp_path / "other.parquet").read_bytes() == path.read_bytes()


def test_clips_that_are_not_in_it_are_refused(path: Path) -> None:
    with pytest.raises(TableError, match=r"seen.parquet: 2 of 3 clips are not in it. Delete it and run `mifuse run`"):
        read_seen(path, ["a", "x", "y"])


def test_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"seen.parquet: no such table. `mifuse run` makes it"):
        read_seen(tmp_path / "seen.parquet", ["a"])


def test_what_is_no_table_is_refused(path: Path) -> None:
    path.write_text("oops")
    with pytest.raises(TableError, match=r"seen.parquet: not a Parquet table .* Delete it and run `mifuse run`"):
        read_seen(path, ["a"])
