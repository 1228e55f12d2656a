"""No adaptation: the student is the classifier. What every other trainer has to beat."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from tasks.contracts.settings import Settings
from tasks.students.uses import Uses

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students.base import Checkpoint, Student, TrainingData

_BATCH_SIZE = 256


class SourceOnlySettings(Settings):
    """`student: {kind: source_only}`."""

    kind: Literal["source_only"] = "source_only"

    uses: ClassVar[Uses] = "labels"
    steps: ClassVar[int] = 0

    def train(
        self,
        start: Head,
        data: TrainingData,
        classes: Sequence[str],
        resume: Checkpoint | None,
        keep: Callable[[Checkpoint], None],
        report: Callable[[int], object],
        note: Callable[[dict[str, float]], object] = lambda point: None,
    ) -> Student:
        """The classifier itself, bit for bit; its curves have one point, of how it stands to the pseudo-labels."""
        from tasks.students.base import Student
        from tasks.students.corpus_pass import pass_over_all
        from tasks.students.curves import point_of
        from tasks.students.faults import check_clips
        from tasks.students.losses import soft_cross_entropy

        check_clips(data)
        logits_NC = pass_over_all(start, data, _BATCH_SIZE, step=0)[1]
        loss = soft_cross_entropy(logits_NC, data.labels_NC)  # which nobody minimises
        point = point_of(0, loss, {"ce": loss}, logits_NC, classes, data.labels_NC, None)
        note(point)
        return Student(copy.deepcopy(start).eval(), [point])
