"""What the label-signal student minimises; settings are in `label_signal.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tasks.encoders.base import Frames
from tasks.networks.head import Head
from tasks.networks.statistics import Statistics
from tasks.students.base import TrainingData
from tasks.students.label_signal_training import LabelTraining
from tasks.students.losses import diversity, soft_cross_entropy
from tasks.students.objective import Moment
from tasks.students.source_network import new_head

if TYPE_CHECKING:
    from tasks.students.label_signal import LabelSignalSettings


def new_student(settings: LabelSignalSettings, classifier: Head) -> Head:
    """The head to train: with random weights over the classifier's encoder and statistics, or the classifier's own.

    Raises:
        TrainingError: The classifier's is wanted, and has no label signals.
    """
    settings.check_start(classifier.config)
    if settings.start == "classifier":
        return classifier
    statistics = Statistics(classifier.mean_LD, classifier.std_LD)
    return new_head(settings.hearing(classifier.config), statistics, settings.seed)


class LabelSignalObjective:
    """Soft cross-entropy to labels that stay, diversity, and APC; the label embeddings follow their average."""

    def __init__(self, settings: LabelSignalSettings, head: Head, data: TrainingData) -> None:
        self._settings, self._labels_NC = settings, data.labels_NC
        self._steps_of_epoch = len(data) // min(settings.batch_size, len(data))
        self._signals = LabelTraining(head)
        self._done = 0
        self._target_BC: torch.Tensor | None = None

    def begin(self, step: int, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        """The labels of this step."""
        self._done, self._target_BC = step + 1, self._labels_NC[rows_B]
        if step % self._steps_of_epoch == 0:
            self._signals.begin_epoch()

    def parts(self, at: Moment) -> dict[str, torch.Tensor]:
        """See `Objective`."""
        assert self._target_BC is not None
        return {
            "ce": soft_cross_entropy(at.logits_BC, self._target_BC),
            "div": self._settings.diversity * diversity(at.logits_BC),
        } | self._signals.parts(at.logits_BC, at.pooled_BD)

    def learned(self) -> None:
        """The average is written back after each epoch, and after the last step wherever that is."""
        if self._done % self._steps_of_epoch == 0 or self._done == self._settings.steps:
            self._signals.end_epoch()

    def target_BC(self) -> torch.Tensor | None:
        """See `Objective`."""
        return self._target_BC

    def teacher_BC(self) -> torch.Tensor | None:
        """No teacher moves."""
        return None

    def state(self) -> dict[str, Any]:
        """See `Objective`."""
        return {"before": self._signals.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Objective`."""
        self._signals.restore(state["before"])
