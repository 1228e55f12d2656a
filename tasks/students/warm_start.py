"""`student.warm_start`: training goes on from the student that the pipeline showed last, in a fifth of the steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.contracts.errors import CheckpointError
from tasks.contracts.settings import LocalPath, Settings
from tasks.networks.config import ClassifierConfig, read_config
from tasks.students.mi_fuse import MIFuseSettings

if TYPE_CHECKING:
    from tasks.networks.head import Head
    from tasks.students import StudentSettings

# What the weights mean depends on these. The rate of dropout is no part of it.
_ALIKE = {
    "classes": "classes, or has them in another order",
    "groups": "grouping of its outputs",
    "shares": "sharing out of its outputs",
    "encoder_identity": "encoder",
    "n_layers": "number of layers",
    "dim": "number of features",
    "pooling": "pooling",
    "layers": "choice of layers",
    "activation": "activation",
    "hidden": "hidden size",
}


class LastStudent(Settings):
    """The student that a pipeline showed last, as it was found when training began.

    Attributes:
        folder: A copy of its head; None: training starts from the classifier.
        result: The fingerprint of the stage's result that it is.
        warm_starts: How often in a row it and those before it went on from a student, since the classifier.
        why_not: Why there is no folder though there is a student; None in a first run.
    """

    folder: LocalPath | None = None
    result: str | None = None
    warm_starts: int = 0
    why_not: str | None = None


@dataclass(frozen=True)
class Beginning:
    """How training begins.

    Attributes:
        student: The trainer, with as many steps as it then needs.
        given: What it is given besides the classifier: `last`, the last student's head, or nothing.
        told: `started_from` and `warm_starts`; empty where no warm start was asked for.
        warnings: Why it starts from the classifier though there is a student.
    """

    student: StudentSettings
    given: dict[str, Head] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def beginning(student: StudentSettings, last: LastStudent | None, config: ClassifierConfig) -> Beginning:
    """From the last student where that is asked for and it fits, else from the classifier.

    Args:
        student: The trainer as the pipeline has it.
        last: None where no warm start is asked for.
        config: The classifier's.
    """
    if last is None or not isinstance(student, MIFuseSettings):
        return Beginning(student)
    head, why_not = _head_of(last, config)
    if head is not None:
        told = {"started_from": f"student {str(last.result)[:12]}", "warm_starts": last.warm_starts + 1}
        return Beginning(student.going_on(), {"last": head}, told)
    warnings = [f"starts from the classifier, with all {student.steps} steps: {why_not}"] if why_not else []
    return Beginning(student, told={"started_from": "classifier", "warm_starts": 0}, warnings=warnings)


def _head_of(last: LastStudent, config: ClassifierConfig) -> tuple[Head | None, str | None]:
    """The head, or why it is not gone on from."""
    from tasks.networks.folder import load_classifier

    if last.folder is None:
        return None, last.why_not
    try:
        why_not = misfit(read_config(last.folder), config)
        return (None, why_not) if why_not else (load_classifier(last.folder)[0], None)
    except CheckpointError as error:
        return None, str(error)


def misfit(last: ClassifierConfig, now: ClassifierConfig) -> str | None:
    """In what the last student differs from the classifier so that its weights mean nothing here; None: it fits."""
    differing = (what for name, what in _ALIKE.items() if getattr(last, name) != getattr(now, name))
    what = next(differing, None)
    return what and f"the last student has another {what}".replace("another classes", "other classes")


def take_weights(head: Head, last: Head) -> None:
    """Gives `head` the parameters of `last`, but not its statistics: those of `head` are of the clips as they are now.

    What the last student says moves by as much as the folder's statistics have drifted, hundredths of a standard
    deviation where it grew by a tenth; the steps that follow set that right. No change of weights could make up for it
    exactly where the head sums several layers, and a student that kept the first night's statistics for ever would
    leave what a cold start gives.
    """
    import torch

    with torch.no_grad():
        for own, other in zip(head.parameters(), last.parameters(), strict=True):
            own.copy_(other)
