"""AaD: neighbours attract, all others disperse, less and less so (arXiv:2205.04183)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.students.shot_family import SHOTFamilySettings

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students.aad_loop import AaDObjective
    from tasks.students.base import TrainingData


class AaDSettings(SHOTFamilySettings):
    """`student: {kind: aad}`. Looks at no teacher but the classifier that it starts from."""

    kind: Literal["aad"] = "aad"
    neighbours: int = Field(default=5, ge=1)  # the paper's K
    fading: float = Field(default=5.0, ge=0)  # the paper's β: how soon dispersion loses its weight; 0 keeps it

    def dispersion(self, step: int) -> float:
        """``λ = (1 + 10 t / T)^-β``, from 1 at the first step.

        >>> [round(AaDSettings(steps=100, fading=1).dispersion(step), 3) for step in (0, 10, 100)]
        [1.0, 0.5, 0.091]
        """
        return float((1 + 10 * step / self.steps) ** -self.fading)

    def objective(self, head: Head, data: TrainingData) -> AaDObjective:
        """See `SHOTFamilySettings`."""
        from tasks.students.aad_loop import AaDObjective

        return AaDObjective(self, head, data)
