"""The stage `query_lalm` as tests run it: teachers of each kind, a server that they ask, clips and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.asking.limits import LimitSettings
from tasks.contracts.tables import paid_draws_schema
from tasks.index_clips import index_clips
from tasks.query_lalm import Choices, query_lalm
from tasks.storage.clips import ClipsSettings
from tasks.storage.tables import read_table
from tasks.teachers.anthropic_proxy import AnthropicSettings
from tasks.teachers.ceilings import Purse
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.loopback.server import LoopbackServer, running_server
from tasks.teachers.openai_compatible import OpenAISettings

CLASSES = ["angry", "happy", "neutral", "sad"]
KEY = "AIza-made-up-0123456789"
KEYS = ("GEMINI_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")
TIMES = ["latency_s", "answered_at"]


def _limits(attempts: int, concurrency: int, timeout_s: float, **limits: Any) -> LimitSettings:
    none = {"requests_per_minute": None, "tokens_per_minute": None}
    return LimitSettings(**none | {"attempts": attempts, "concurrency": concurrency, "timeout_s": timeout_s} | limits)


def gemini(
    draws: Any = 2, attempts: int = 3, concurrency: int = 4, timeout_s: float = 30, **settings: Any
) -> GeminiSettings:
    """Seeded; its limits are those of this machine, unless some are given as `limits`."""
    limits = _limits(attempts, concurrency, timeout_s, **settings.pop("limits", {}))
    return GeminiSettings(draws=draws, limits=limits, **{"seed": 0, "min_answered": 0.0} | settings)


def openai(
    draws: Any = 2, attempts: int = 3, concurrency: int = 4, timeout_s: float = 30, **settings: Any
) -> OpenAISettings:
    """Seeded too, with a model that has a price."""
    limits = _limits(attempts, concurrency, timeout_s, **settings.pop("limits", {}))
    usual = {"model": "gpt-audio", "seed": 0, "min_answered": 0.0}
    return OpenAISettings(draws=draws, limits=limits, **usual | settings)


def claude(
    draws: Any = 2, attempts: int = 3, concurrency: int = 4, timeout_s: float = 30, **settings: Any
) -> AnthropicSettings:
    """Reads prosody in words. It cannot be seeded."""
    limits = _limits(attempts, concurrency, timeout_s, **settings.pop("limits", {}))
    return AnthropicSettings(draws=draws, limits=limits, **{"min_answered": 0.0} | settings)


TEACHERS: dict[str, Callable[..., Any]] = {"gemini": gemini, "openai": openai, "anthropic": claude}


@contextmanager
def serving(faults: str | None = None, **options: Any) -> Iterator[LoopbackServer]:
    """A server that misbehaves as told; within the block all kinds of teachers ask it."""
    with running_server(faults=faults, **options) as server, pytest.MonkeyPatch.context() as environment:
        for name in KEYS:
            environment.setenv(name, KEY)
        environment.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        environment.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        environment.setenv("ANTHROPIC_BASE_URL", server.url)
        yield server


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
        return self.write_tone(self.clips / name, **{"hz": hz, "duration_s": 0.5} | tone)

    def index(self, manifest: Path | None = None) -> Path:
        out = self.root / "clips.parquet"
        settings = ClipsSettings(folder=self.clips, manifest=manifest)
        index_clips.fn(settings, self.root / "cache", self.root / "facts.parquet", out)
        return out

    def ask(
        self, teacher: Any = None, classes: list[str] = CLASSES, max_cost_usd: float | None = None, **options: Any
    ) -> dict[str, Any]:
        """Indexes the clips as they are now, and asks about them."""
        options = {"choices": Choices(purse=Purse(max_cost_usd))} | options
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


def place_with(root: Path, write_tone: Callable[..., Path], clips: int) -> Workplace:
    """So many clips, each of another pitch."""
    place = Workplace(root, write_tone)
    for number in range(clips):
        place.add(f"clip{number}.flac", hz=150 + 50 * number)
    return place


def with_prices(place: Workplace, text: str, max_cost_usd: float | None = None) -> Choices:
    """A run with this `prices.yaml`."""
    file = place.root / "prices.yaml"
    file.write_text(text)
    return Choices(purse=Purse(max_cost_usd, file))
