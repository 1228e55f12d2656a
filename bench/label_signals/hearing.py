"""What heads hear of a corpus in a check: segments of frames, or stored time means."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bench.label_signals.segments import segments_of
from bench.transfers.sources import classifier_folder, hear
from tasks.encoders.features import Features


class Heard(Protocol):
    """Who asks."""

    @property
    def corpus(self) -> Path:
        """Whose classifier says how its encoder is set."""
        ...

    @property
    def encoder(self) -> str | None:
        """A folder; None: logmel."""
        ...

    @property
    def frames(self) -> bool:
        """Whether frames, not time means."""
        ...


def heard_of(corpus: Path, by: Heard, cache: Path) -> Features:
    """Of all of its clips, in memory; time means as `bench.transfers` has them."""
    if by.frames:
        assert by.encoder is not None, "logmel has no frames"
        return segments_of(corpus, by.encoder, cache)
    return hear(corpus, classifier_folder(by.corpus, by.encoder, 0, cache), cache)
