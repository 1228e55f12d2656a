"""`pooling: {kind: label_signal}`: label embeddings guide what a head takes from a clip (arXiv:2504.05158)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from tasks.contracts.settings import Settings
from tasks.encoders.text import TextSettings

if TYPE_CHECKING:
    from tasks.networks.config import ClassifierConfig
    from tasks.networks.label_signal import LabelSignals


class LabelSignalPooling(Settings):
    """Attention within a clip, then by one embedding per class; see `docs/label-signals.md` for the formulas."""

    kind: Literal["label_signal"] = "label_signal"
    hears: Literal["frames", "means"] = "frames"  # means: stored time means; an encoder without frames has only those
    size: int = Field(default=256, ge=1)
    heads: int = Field(default=8, ge=1)
    moving_average: float = Field(default=0.99, ge=0, lt=1)  # of the label embeddings, once per epoch; 0: none
    consistency: float = Field(default=0.1, ge=0)  # weight of APC in the loss; the paper names none
    temperature: float = Field(default=1.0, gt=0)  # of the cosines in APC
    words: TextSettings | None = None  # reads the classes' names, where the embeddings start; None: anywhere

    @model_validator(mode="after")
    def _heads_share_the_size(self) -> LabelSignalPooling:
        if self.size % self.heads:
            raise ValueError(
                f"`heads`: {self.heads} heads cannot share a `size` of {self.size} alike; take a divisor of it"
            )
        return self

    def fingerprint(self) -> dict[str, Any]:
        """The text encoder counts by its content, not by where it lies."""
        words = None if self.words is None else self.words.identity()
        return super().fingerprint() | {"words": words}

    @property
    def told(self) -> str:
        """For a model card."""
        return f"{self.hears} over time guided by label signals to {self.size} numbers"

    def build(self, config: ClassifierConfig) -> LabelSignals:
        """With random weights."""
        from tasks.networks.label_signal import LabelSignals

        return LabelSignals(config.dim, config.n_outputs, config.beside, size=self.size, heads=self.heads)
