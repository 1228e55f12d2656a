"""What calls cost: dated prices from a file that users can edit, and a ceiling that calls in flight cannot pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from tasks.asking.provider import Answer


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens."""

    audio_input: float
    text_input: float
    output: float
    as_of: str

    def of(self, answer: Answer) -> float:
        """An upper bound where the provider does not say which input tokens were text: audio is dearer."""
        return (answer.input_tokens or 0) * self.audio_input / 1e6 + (answer.output_tokens or 0) * self.output / 1e6

    def estimate(self, audio_tokens: float, text_tokens: float, output_tokens: float) -> float:
        """Dollars for one call."""
        dear, cheap = audio_tokens * self.audio_input, text_tokens * self.text_input
        return (dear + cheap + output_tokens * self.output) / 1e6


@cache
def price_list() -> dict[str, Price]:
    """`prices.yaml`: model → price."""
    text = resources.files("tasks.asking").joinpath("prices.yaml").read_text(encoding="utf-8")
    return {model: Price(**price) for model, price in yaml.safe_load(text).items()}


class Budget:
    """Dollars of one run: what was paid, and what calls in flight may still cost."""

    def __init__(self, ceiling_usd: float | None) -> None:
        self.ceiling_usd = ceiling_usd
        self.paid_usd = 0.0
        self._reserved_usd = 0.0

    def reserve(self, usd: float) -> bool:
        """Sets aside the most that a call can cost; False when the ceiling does not allow it."""
        if self.ceiling_usd is not None and self.paid_usd + self._reserved_usd + usd > self.ceiling_usd:
            return False
        self._reserved_usd += usd
        return True

    def settle(self, reserved_usd: float, paid_usd: float) -> None:
        """The call is over: its reservation becomes what it cost."""
        self._reserved_usd -= reserved_usd
        self.paid_usd += paid_usd
