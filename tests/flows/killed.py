"""A pipeline whose run is killed at a given moment and then resumed, for the tests and for `bench/crashes.py`."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tasks.teachers.loopback.server import LoopbackServer

DRAWS, CONCURRENCY = 3, 2
_LALM: dict[str, Any] = {
    "kind": "gemini",
    "draws": DRAWS,
    "max_cost_usd": 0.9,
    "limits": {"concurrency": CONCURRENCY},
    "seed": 1,
}
_OWN = ("cost_usd", "latency_s", "answered_at")  # columns of what happened, not of what was said
_TOGETHER_S = 120.0


@dataclass
class Killable:
    """A folder with audio, a classifier and a pipelines.yaml that asks a paid teacher; nothing has run yet."""

    folder: Path
    server: LoopbackServer
    prefect_url: str
    asked_before: int = 0

    @classmethod
    def copied(cls, project: Path, to: Path, server: LoopbackServer, prefect_url: str) -> Killable:
        """Of a project of `tests/flows/conftest.py`, less its cache."""
        shutil.copytree(project, to, ignore=shutil.ignore_patterns("cache"))
        content = yaml.safe_load((to / "pipelines.yaml").read_text())
        content["pipelines"]["small"]["teachers"]["lalm"] = _LALM
        (to / "pipelines.yaml").write_text(yaml.safe_dump(content))
        return cls(to, server, prefect_url)

    @property
    def results(self) -> Path:
        return self.folder / "cache" / "small"

    @property
    def command(self) -> list[str]:
        """`mifuse run`."""
        return [sys.executable, "-m", "flows", "run", "small", "--pipelines", str(self.folder / "pipelines.yaml")]

    @property
    def environment(self) -> dict[str, str]:
        """Of the command: who is asked, and where Prefect's server is."""
        asked = {"GEMINI_API_KEY": "AIza-made-up", "GOOGLE_GEMINI_BASE_URL": self.server.url}
        return os.environ | asked | {"PREFECT_API_URL": self.prefect_url}

    def start(self) -> subprocess.Popen[bytes]:
        """The command, in a process group of its own."""
        with (self.folder / "told").open("ab") as told:
            return subprocess.Popen(
                self.command, stdout=told, stderr=told, start_new_session=True, env=self.environment
            )

    def finish(self) -> float:
        """Runs to the end; how long it worked, from the moment when it holds its lock."""
        run = self.start()
        begun = self.wait_for_work(run)
        code = run.wait(timeout=_TOGETHER_S)
        assert code == 0, (self.folder / "told").read_text()
        return time.monotonic() - begun

    def wait_for_work(self, run: subprocess.Popen[bytes]) -> float:
        """When the run took its lock, before its first stage; or ended, having nothing to do."""
        while run.poll() is None and not (self.results / ".run.lock").exists():
            time.sleep(0.01)
        return time.monotonic()

    def kill_at(self, moment_s: float) -> tuple[float, str]:
        """SIGKILL so long after it began to work; when it was, and which stage that hit.

        A machine that is less busy now than before may have ended by then: then all is done anew, and sooner.
        """
        while not self._kills(moment_s):
            shutil.rmtree(self.folder / "cache")
            self.asked_before = self.server.requests
            moment_s *= 0.8
        return moment_s, self._stage_at_work()

    def _kills(self, moment_s: float) -> bool:
        run = self.start()
        begun = self.wait_for_work(run)
        try:
            run.wait(timeout=max(0.0, begun + moment_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
        return run.wait() == -signal.SIGKILL

    def _stage_at_work(self) -> str:
        """The first that has no record yet."""
        order = ["index_clips", "mc_dropout.classifier", "query_lalm.lalm", "fuse_labels", "train_student"]
        done = {path.stem for path in (self.results / ".records").glob("*.json")}
        return next((name for name in [*order, "evaluate_student"] if name not in done), "after the last")

    def outcome(self) -> dict[str, str]:
        """A digest of each table, without its times and costs, and of the student's weights."""
        tables = ["clips.parquet", "draws/lalm.parquet", "draws/classifier.parquet", "pseudo_labels.parquet"]
        found = {table: _digest_of_table(self.results / table) for table in tables}
        weights = (self.results / "student" / "model.safetensors").read_bytes()
        return found | {"student": hashlib.sha256(weights).hexdigest()}

    def calls_twice(self) -> int:
        """Calls beyond one for each draw of each clip."""
        asked = self.server.requests - self.asked_before
        return asked - pl.read_parquet(self.results / "draws" / "lalm.parquet").height


def _digest_of_table(path: Path) -> str:
    """Of the bytes, where no column is the run's own."""
    table = pl.read_parquet(path)
    own = [column for column in table.columns if column in _OWN]
    return hashlib.sha256(path.read_bytes() if not own else table.drop(own).write_ipc(None).getvalue()).hexdigest()
