"""What other stages take from a kept result: the same digest whether it is remembered or made."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tasks.contracts.stages import Node
from tasks.storage.digests import MEMORY, digest_of_output
from tasks.storage.files import sha256_of_file, sha256_of_folder
from tasks.storage.stage_records import Record, ResultStore
from tasks.storage.tables import digest_of_columns

NODE = Node("fuse_labels", "fuse_labels", {}, (), ("table.parquet", "student", "metrics.json"))
FINGERPRINT = "0" * 64


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, Record]:
    """A result's folder and its record."""
    store = ResultStore(tmp_path, "small")
    with store.begin(NODE) as written:
        pl.DataFrame({"sha256": ["b", "a"], "p": [0.5, 0.25]}).write_parquet(written / "table.parquet")
        (written / "student").mkdir()
        (written / "student" / "weights").write_bytes(b"abc")
        (written / "metrics.json").write_text("{}")
        store.finish(NODE, written, Record(NODE.name, FINGERPRINT, 1, {}, {}, {}, {}, 0.0))
    record = store.kept(NODE, FINGERPRINT)
    assert record is not None
    return store.folder(NODE, FINGERPRINT), record


def test_columns_have_the_digest_of_their_rows(kept: tuple[Path, Record]) -> None:
    folder, record = kept
    made = digest_of_columns(folder / "table.parquet", ["sha256", "p"])
    for _ in range(2):
        assert digest_of_output(folder, record, "table.parquet", ["sha256", "p"]) == made


def test_a_table_is_read_once_for_the_same_columns(kept: tuple[Path, Record]) -> None:
    folder, record = kept
    made = digest_of_output(folder, record, "table.parquet", ["sha256"])
    (folder / "table.parquet").unlink()
    assert digest_of_output(folder, record, "table.parquet", ["sha256"]) == made


def test_other_columns_are_other_digests(kept: tuple[Path, Record]) -> None:
    folder, record = kept
    assert len({digest_of_output(folder, record, "table.parquet", [name]) for name in ("sha256", "p")}) == 2


def test_a_file_and_a_folder_have_the_digests_that_are_recorded(kept: tuple[Path, Record]) -> None:
    folder, record = kept
    assert digest_of_output(folder, record, "metrics.json", None) == sha256_of_file(folder / "metrics.json")
    assert digest_of_output(folder, record, "student", None) == sha256_of_folder(folder / "student")


@pytest.mark.parametrize("content", [b"no JSON", b"[]"])
def test_a_damaged_memory_is_made_anew(content: bytes, kept: tuple[Path, Record]) -> None:
    folder, record = kept
    made = digest_of_output(folder, record, "table.parquet", ["p"])
    (folder / MEMORY).write_bytes(content)
    assert digest_of_output(folder, record, "table.parquet", ["p"]) == made
    assert made in json.loads((folder / MEMORY).read_text()).values()
