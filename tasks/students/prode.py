"""ProDe: the black box's word, corrected by how far the student has moved from the source (arXiv:2406.01658)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.students.shot_family import SHOTFamilySettings
from tasks.students.uses import Uses

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students.base import TrainingData
    from tasks.students.prode_loop import ProDeObjective


class ProDeSettings(SHOTFamilySettings):
    """`student: {kind: prode}`. Hears the other teachers; the classifier is where it starts from."""

    kind: Literal["prode"] = "prode"
    omega: float = Field(default=1.0, ge=0, le=1)  # strength of the correction; 0 takes the teachers at their word

    uses: ClassVar[Uses] = "draws"

    def objective(self, head: Head, data: TrainingData) -> ProDeObjective:
        """See `SHOTFamilySettings`."""
        from tasks.students.prode_loop import ProDeObjective

        return ProDeObjective(self, head, data)
