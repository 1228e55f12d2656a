"""What a question is asked of, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.tables import Table
from bench.transfers.cell import Scene
from bench.transfers.lalm import Lalm
from bench.transfers.planning import Data

Draw = Callable[[Path], None]


@dataclass(frozen=True)
class Asked:
    """Which corpora, heard how, how many seeds. `encoder` is a folder; None: logmel."""

    encoder: str | None
    seeds: int
    data: Data

    def scene(self, lalm: Lalm) -> Scene:
        """Balanced and transductive, with this LALM."""
        return Scene(self.encoder, lalm, self.encoder)

    @property
    def hears(self) -> str:
        """The encoder's name."""
        return Path(self.encoder).name if self.encoder else "logmel"


@dataclass(frozen=True)
class Answer:
    """Tables, and what draws the figure into a file; `draw` is None where a figure would not help."""

    title: str
    said: str
    tables: list[Table] = field(default_factory=list)
    draw: Draw | None = None
