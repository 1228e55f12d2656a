"""Settings of training a pretrained encoder together with the head; without `trainable` none of them is in force."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, model_validator

from tasks.contracts.settings import OPERATIONAL, Settings
from tasks.encoders.trainable import Trainable


class FineTuneSettings(Settings):
    """Mixed precision is the encoder's: it runs in `encoder.precision`; the head and all weights stay float32."""

    batch_size: int = Field(default=32, ge=2)  # of all processes and micro-batches together
    trainable: Trainable = "none"
    encoder_learning_rate: float = Field(default=1e-5, gt=0)
    # These decide how much memory and time a step takes. What comes out differs by the rounding of sums at most, as
    # with a teacher's `batch_seconds`.
    accumulate: int = Field(default=1, ge=1, json_schema_extra=OPERATIONAL)  # micro-batches per step and process
    gradient_checkpointing: bool = Field(default=False, json_schema_extra=OPERATIONAL)
    processes: int = Field(default=1, ge=1, json_schema_extra=OPERATIONAL)  # that share each batch

    @model_validator(mode="after")
    def _fits_together(self) -> FineTuneSettings:
        if mistakes := list(self._mistakes()):
            raise ValueError("\n".join(mistakes))
        return self

    def _mistakes(self) -> Iterator[str]:
        given = self.model_fields_set & {"encoder_learning_rate", "accumulate", "gradient_checkpointing", "processes"}
        if given and not self.fine_tunes:
            named = ", ".join(f"`{name}`" for name in sorted(given))
            yield f"{named}: the encoder is not trained; give `trainable` as well, or take it away"
        if self.processes * self.accumulate > self.batch_size:
            yield (
                f"`batch_size` counts the clips of all processes: {self.batch_size} are too few for {self.processes} "
                f"processes with {self.accumulate} micro-batches each; raise it, or lower `processes` or `accumulate`"
            )

    @property
    def fine_tunes(self) -> bool:
        """Whether the encoder's weights change."""
        return self.trainable != "none"
