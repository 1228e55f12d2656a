"""A cache as runs leave it, small, and `mifuse cache …`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from flows.__main__ import main
from tasks.storage.answers import AnswerStore, Spent
from tasks.storage.feature_shards import write_shard
from tests.storage.conftest import Cache
from tests.storage.kept_answers import MODEL, put, put_unnoted


class Folder:
    """A cache with three answers, an index, features, work in progress and one result; and the command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.answers = root / "answers"
        self.result = Cache(root).finish()
        self.index = root / "audio" / "hashes.parquet"
        self.features = root / "features" / "logmel" / "a.arrow"
        self.work = root / "work" / "train_student-1" / "step.pt"
        write_shard(self.features, ["a"], [np.zeros((1, 1, 2), np.float32)])
        for file in (self.index, self.work):
            file.parent.mkdir(parents=True, exist_ok=True)
            pl.DataFrame({"sha256": ["a"]}).write_parquet(file)
        self.keys = [put(self.answers, 0), put(self.answers, 1, refusal="SAFETY"), put_unnoted(self.answers)]
        with AnswerStore(self.answers) as store:
            store.charge(MODEL, Spent(3, 3_000, 1.5, 0.25))

    @property
    def pipelines(self) -> Path:
        """Not there, until a test writes it."""
        return self.root.parent / "pipelines.yaml"

    def mifuse(self, *words: str) -> Result:
        """`mifuse cache …`, in this process, whose standard input is nobody."""
        where = ["--cache", str(self.root), "--pipelines", str(self.pipelines)]
        return CliRunner().invoke(main, ["cache", *words, *where], catch_exceptions=False)

    def said_to(self, answer: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`mifuse cache …` on a terminal, where a person answers."""
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        command = [sys.executable, "-m", "flows", "cache", *words, "--cache", str(self.root)]
        try:
            return subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False)
        finally:
            os.close(ours)
            os.close(theirs)

    def left(self) -> list[bool]:
        """Which of the three answers are there."""
        with AnswerStore(self.answers) as store:
            return [key in store for key in self.keys]


@pytest.fixture
def cache(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "cache")
