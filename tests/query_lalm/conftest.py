"""A folder of real clips, a real server that is asked over HTTP, and the stage between them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.asking.limits import LimitSettings
from tasks.contracts.tables import paid_draws_schema
from tasks.index_clips import index_clips
from tasks.query_lalm import query_lalm
from tasks.storage.clips import ClipsSettings
from tasks.storage.tables import read_table
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.loopback.server import LoopbackServer, running_server

CLASSES = ["angry", "happy", "neutral", "sad"]
KEY = "AIza-made-up-0123456789"
TIMES = ["latency_s", "answered_at"]


def gemini(draws: int = 2, attempts: int = 3, concurrency: int = 4, **settings: Any) -> GeminiSettings:
    limits = LimitSettings(
        requests_per_minute=None, tokens_per_minute=None, concurrency=concurrency, attempts=attempts, timeout_s=30
    )
    return GeminiSettings(draws=draws, limits=limits, **{"seed": 0, "min_answered": 0.0} | settings)


@dataclass
class Workplace:
    """Clips, their table, the stored answers and the draws, all below one folder."""

    root: Path
    write_tone: Callable[..., Path]

    @property
    def clips(self) -> Path:
        return self.root / "clips"

    @property
    def draws(self) -> Path:
        return self.root / "draws" / "lalm.parquet"

    @property
    def answers(self) -> Path:
        return self.root / "answers"

    def add(self, name: str, hz: float = 200, **tone: Any) -> Path:
        return self.write_tone(self.clips / name, hz=hz, duration_s=0.5, **tone)

    def index(self, manifest: Path | None = None) -> Path:
        out = self.root / "clips.parquet"
        settings = ClipsSettings(folder=self.clips, manifest=manifest)
        index_clips.fn(settings, self.root / "hashes", self.root / "facts.parquet", out)
        return out

    def ask(self, teacher: Any = None, classes: list[str] = CLASSES, **options: Any) -> dict[str, Any]:
        """Indexes the clips as they are now, and asks about them."""
        return query_lalm.fn(
            name="lalm",
            teacher=teacher or gemini(),
            classes=classes,
            clips_table=self.index(options.pop("manifest", None)),
            folder=self.clips,
            answers=options.pop("answers", self.answers),
            out=self.draws,
            **options,
        )

    def table(self, classes: list[str] = CLASSES) -> pl.DataFrame:
        return read_table(self.draws, paid_draws_schema(classes))

    def table_without_times(self) -> pl.DataFrame:
        return self.table().drop(TIMES)


@pytest.fixture
def workplace(tmp_path: Path, write_tone: Callable[..., Path]) -> Workplace:
    """Three clips."""
    place = Workplace(tmp_path, write_tone)
    for number in range(3):
        place.add(f"clip{number}.flac", hz=150 + 50 * number)
    return place


@pytest.fixture(name="gemini")
def gemini_fixture() -> Callable[..., GeminiSettings]:
    return gemini


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LoopbackServer]]:
    """Starts a server that misbehaves as told, and sends `kind: gemini` to it from then on."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with ExitStack() as running:

        def start(faults: str | None = None) -> LoopbackServer:
            server = running.enter_context(running_server(faults=faults))
            monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
            return server

        yield start


@pytest.fixture
def server(serve: Callable[..., LoopbackServer]) -> LoopbackServer:
    """One that does not."""
    return serve()
