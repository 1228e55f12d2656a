"""An audio folder of real files, and the stage run on it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.contracts.tables import clips_schema
from tasks.index_clips import index_clips
from tasks.storage.clips import ClipsSettings
from tasks.storage.tables import read_table

NOISE_1_S = np.random.default_rng(0).uniform(-0.3, 0.3, 16_000)


@dataclass
class Corpus:
    """An audio folder, and where the stage remembers and writes."""

    root: Path
    write_samples: Callable[..., Path]
    stats: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / "audio"

    @property
    def facts(self) -> Path:
        return self.root / "cache" / "facts.parquet"

    @property
    def out(self) -> Path:
        return self.root / "clips.parquet"

    def add(self, name: str, samples: np.ndarray = NOISE_1_S, **how: Any) -> Path:
        return self.write_samples(self.folder / name, samples, **how)

    def index(self, manifest: str | None = None, **settings: Any) -> dict[str, dict[str, Any]]:
        """The table's rows by clip id."""
        if manifest is not None:
            (self.root / "m.csv").write_text(manifest)
            settings["manifest"] = self.root / "m.csv"
        clips = ClipsSettings(folder=self.folder, **settings)
        self.stats = index_clips.fn(clips, self.root / "cache", self.facts, self.out)
        return {row["clip_id"]: row for row in read_table(self.out, clips_schema()).to_dicts()}


@pytest.fixture
def corpus(tmp_path: Path, write_samples: Callable[..., Path]) -> Corpus:
    corpus = Corpus(tmp_path, write_samples)
    corpus.add("good.wav")
    return corpus
