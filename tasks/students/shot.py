"""SHOT: the source's last layer stays, and what it hears of the target is moved to fit it (arXiv:2002.08546)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tasks.students.shot_family import SHOTFamilySettings

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students.base import TrainingData
    from tasks.students.shot_loop import SHOTObjective


class SHOTSettings(SHOTFamilySettings):
    """`student: {kind: shot}`. Looks at no teacher but the classifier that it starts from."""

    kind: Literal["shot"] = "shot"

    def objective(self, head: Head, data: TrainingData) -> SHOTObjective:
        """See `SHOTFamilySettings`."""
        from tasks.students.shot_loop import SHOTObjective

        return SHOTObjective(head, data, self.batch_size)
