"""DINE with two teachers: their softened mean is distilled and slowly gives way to the student (arXiv:2104.01539)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from tasks.students.shot_family import SHOTFamilySettings
from tasks.students.uses import Uses

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students.base import TrainingData
    from tasks.students.dine_loop import DINEObjective


class DINESettings(SHOTFamilySettings):
    """`student: {kind: dine}`. Hears the other teachers and the classifier, all with the same weight."""

    kind: Literal["dine"] = "dine"

    uses: ClassVar[Uses] = "draws"
    decay_power: ClassVar[float] = 1.5  # as in the authors' code

    @property
    def renewed_every(self) -> int:
        """Steps between two renewals of the labels: a tenth of all."""
        return max(1, self.steps // 10)

    def objective(self, head: Head, data: TrainingData) -> DINEObjective:
        """See `SHOTFamilySettings`."""
        from tasks.students.dine_loop import DINEObjective

        return DINEObjective(self, head, data)
