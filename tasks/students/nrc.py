"""NRC: neighbours agree, and those who choose each other most of all (arXiv:2110.04202)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tasks.students.shot_family import SHOTFamilySettings

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students.base import TrainingData
    from tasks.students.nrc_loop import NRCObjective


class NRCSettings(SHOTFamilySettings):
    """`student: {kind: nrc}`. Looks at no teacher but the classifier that it starts from."""

    kind: Literal["nrc"] = "nrc"
    neighbours: int = Field(default=3, ge=1)  # the paper's K
    expanded: int = Field(default=2, ge=1)  # the paper's M: neighbours of each neighbour

    def objective(self, head: Head, data: TrainingData) -> NRCObjective:
        """See `SHOTFamilySettings`."""
        from tasks.students.nrc_loop import NRCObjective

        return NRCObjective(self, head, data)
