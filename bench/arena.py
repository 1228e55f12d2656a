"""Runs contestants against the blind server, each in a process of its own, and reads what they and the server tell."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench.clips import make_clips
from bench.peers.contest import Contest
from tasks.asking.reading import answer_schema
from tasks.teachers.prompts import prompt_text

CLASSES = ["angry", "happy", "neutral", "sad"]
MODEL = "gemini-2.5-flash"


@dataclass(frozen=True)
class Told:
    """One run of one contestant: its own word, and the calls as the server saw them (seconds, status, bytes)."""

    answers: int
    wall_s: float
    cpu_s: float
    process_cpu_s: float
    peak_mb: float
    seen: list[tuple[float, int, int]]

    @property
    def calls(self) -> int:
        return len(self.seen)

    @property
    def answered_at_s(self) -> list[float]:
        """When the calls came that got an answer."""
        return [second for second, status, _ in self.seen if status == 200]


class Arena:
    """A server, and clips for whoever asks it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._read = 0

    def contest(self, state: Path, clips: int, draws: int, kilobytes: float = 128, **options: float) -> Contest:
        """Makes the clips; an earlier, smaller number of them is a part of a later one."""
        audio = self._folder / f"clips-{kilobytes:g}-kB-{clips}"
        table = self._folder / f"clips-{kilobytes:g}-kB-{clips}.parquet"
        make_clips(audio, table, clips, kilobytes)
        state.mkdir(parents=True, exist_ok=True)
        return Contest(
            url=self._url,
            clips=str(audio),
            clips_table=str(table),
            state=str(state),
            draws=draws,
            **{"in_flight": 64, "requests_per_minute": None} | options,  # type: ignore[arg-type]
            model=MODEL,
            prompt=prompt_text("emotion-v1", CLASSES),
            classes=CLASSES,
            schema=answer_schema(CLASSES),
        )

    def run(self, name: str, contest: Contest, python: Path = Path(sys.executable)) -> Told:
        """One run. Raises click.ClickException with the end of its output when it fails."""
        with tempfile.TemporaryDirectory() as folder:
            given, result = Path(folder) / "contest.json", Path(folder) / "result.json"
            given.write_text(json.dumps(asdict(contest)), encoding="utf-8")
            command = [str(python), "-m", f"bench.peers.{name}", str(given), str(result)]
            root = Path(__file__).parent.parent
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
            if done.returncode:
                raise click.ClickException(f"{name} failed:\n{(done.stdout + done.stderr)[-3000:]}")
            return Told(**json.loads(result.read_text(encoding="utf-8")), seen=self._seen())

    def _seen(self) -> list[tuple[float, int, int]]:
        """The calls since the last time."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{self._url}/seen") as reply:
            seen = [tuple(call) for call in json.load(reply)]
        new, self._read = seen[self._read :], len(seen)
        return new


@contextmanager
def open_arena(folder: Path, latency_s: float = 0.05, requests_per_minute: int | None = None) -> Iterator[Arena]:
    """A server of its own process; it is stopped when the block ends."""
    command = [sys.executable, "-m", "bench.blind", "--latency", str(latency_s)]
    command += ["--requests-per-minute", str(requests_per_minute)] if requests_per_minute else []
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield Arena((server.stdout.readline() if server.stdout else "").strip(), folder)
        finally:
            server.terminate()
