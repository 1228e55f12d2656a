"""The embedded default encoder: statistics of log-mel, pitch and level contours. No weights, no download."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.settings import Settings
from tasks.encoders.base import Frames, Live


class LogMelSettings(Settings):
    """`encoder: {kind: logmel}`. Nothing to choose."""

    kind: Literal["logmel"] = "logmel"

    def identity(self) -> dict[str, Any]:
        """What decides the features: raised when a formula in `contours.py` or `statistics.py` changes."""
        return {"kind": self.kind, "code_version": 1}

    def build(self, device: str = "auto") -> LogMel:
        """The encoder; the first import of torch happens here. It works on the CPU whatever the device."""
        return LogMel()


class LogMel:
    """One layer of N_STATISTICS numbers per clip, about five hundred times faster than real time."""

    n_layers = 1

    def __init__(self) -> None:
        from tasks.encoders.statistics import N_STATISTICS

        self.dim: int = N_STATISTICS

    def hear(self, waves: list[NDArray[np.float32]], *, frames: bool = False, live: Live | None = None) -> Frames:
        """One layer, one frame, on the CPU. Clip by clip, so no clip can leak into another; it has no dropout."""
        import torch

        from tasks.encoders.contours import contours_of
        from tasks.encoders.statistics import statistics_of
        from tasks.maths.threads import one_thread

        with one_thread():
            rows = [statistics_of(contours_of(torch.from_numpy(wave))) for wave in waves]
        return Frames.of_means(torch.stack(rows)[:, None] if rows else torch.zeros(0, 1, self.dim))
