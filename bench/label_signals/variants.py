"""What is compared: the whole head, the head with one part taken away or turned, and a plain mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.label_signals.ablated import AblatedPooling
from tasks.networks.pooling_settings import PoolingSettings

WHOLE, NONE, MEAN = "all parts", "no part", "mean (no attention)"


@dataclass(frozen=True)
class Variant:
    """One row.

    Attributes:
        name: In the table.
        changed: Settings of the pooling that are not as by default; None: no label-signal head at all.
    """

    name: str
    changed: dict[str, Any] | None = field(default_factory=dict, hash=False)

    def pooling(self, seed: int) -> PoolingSettings:
        """What a head of this row is made with; the seed is that of a semantic start's map."""
        if self.changed is None:
            return "mean"
        return AblatedPooling(**self.changed | {"map_seed": seed})


_OFF: dict[str, Any] = {"signals": False, "consistency": 0.0, "moving_average": 0.0}

VARIANTS = [
    Variant(WHOLE),
    Variant("without label signals", {"signals": False}),
    Variant("without APC (β = 0)", {"consistency": 0.0}),
    Variant("without moving average", {"moving_average": 0.0}),
    Variant(NONE, _OFF),
    Variant(MEAN, None),
    *(Variant(f"α = {alpha:g}", {"moving_average": alpha}) for alpha in (0.9, 0.95, 0.999)),
    Variant("τ = 0.1", {"temperature": 0.1}),
    Variant("semantic start", {"start": "semantic"}),
]
