"""The stage in a process of its own, which a test can kill."""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.query_lalm.asking import CLASSES, KEY, KEYS

# One process pays for the imports, and those that are killed are forked from it.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tasks.query_lalm", "google.genai", "anthropic", "tests.query_lalm.asking"])


@dataclass(frozen=True)
class Asks:
    """What one process asks, and where its results go. The clips' table is there already."""

    teacher: Any
    clips_table: Path
    folder: Path
    answers: Path
    out: Path
    url: str

    def __call__(self) -> None:
        from tasks.query_lalm import query_lalm

        os.environ |= {"GOOGLE_GEMINI_BASE_URL": self.url, "ANTHROPIC_BASE_URL": self.url}
        os.environ |= dict.fromkeys(KEYS, KEY)
        query_lalm.fn("lalm", self.teacher, CLASSES, self.clips_table, self.folder, self.answers, self.out)

    def start(self) -> BaseProcess:
        process = _processes.Process(target=self)
        process.start()
        return process


def kill_when_its_job_is_submitted(process: BaseProcess, answers: Path) -> Path:
    """SIGKILL while the run waits for its batch job; the record that it leaves."""
    while process.is_alive():
        for record in (answers / "batches").glob("*.json"):
            if json.loads(record.read_text())["job"] is not None:
                process.kill()
                process.join()
                return record
        process.join(0.01)
    raise AssertionError("the run ended before its job was submitted")
