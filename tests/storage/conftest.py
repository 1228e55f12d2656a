"""The results of one pipeline, for the tests of stage records."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tasks.contracts.stages import Node
from tasks.storage.stage_records import Record, ResultStore

NODE = Node("fuse_labels", "fuse_labels", {"kind": "equal"}, (), ("labels.parquet", "student"))


@dataclass
class Cache:
    """The store of one pipeline, and a stage that writes a file and a folder."""

    root: Path
    store: ResultStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = ResultStore(self.root, "calls")

    def write(self, content: str) -> Path:
        """The outputs in a folder that nobody works on: as a killed run leaves it."""
        written = self.root / "store" / NODE.stage / f".unfinished-{uuid.uuid4().hex}"
        return fill(written, content)

    def record(self, fingerprint: str = "f1", unfinished: str | None = None) -> Record:
        return Record(NODE.name, fingerprint, NODE.code_version, dict(NODE.settings), {}, {}, {"n": 1}, 0.5, unfinished)

    def finish(self, fingerprint: str = "f1", content: str = "old", unfinished: str | None = None) -> Path:
        """A finished result's folder."""
        with self.store.begin(NODE) as written:
            self.store.finish(NODE, fill(written, content), self.record(fingerprint, unfinished))
        return self.store.folder(NODE, fingerprint)

    def shown(self) -> str:
        return self.store.shown("labels.parquet").read_text()


def fill(written: Path, content: str) -> Path:
    """What the stage writes."""
    (written / "student" / "sub").mkdir(parents=True)
    (written / "labels.parquet").write_text(content)
    (written / "student" / "config.json").write_text("{}")
    (written / "student" / "sub" / "weights").write_text("weights")
    return written


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)
