"""LSGMER's student: a head that label signals guide, trained on labels that stay as they are (arXiv:2504.05158)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from tasks.contracts.errors import TrainingError
from tasks.contracts.settings import Settings
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.uses import Uses

if TYPE_CHECKING:
    import torch

    from tasks.networks.config import ClassifierConfig
    from tasks.networks.head import Head
    from tasks.students.base import Checkpoint, Student, TrainingData
    from tasks.students.loop import Loop


class LabelSignalSettings(Settings):
    """`student: {kind: label_signal}`. Labels as `recipe: best` makes them; rate and length are the paper's."""

    kind: Literal["label_signal"] = "label_signal"
    start: Literal["new", "classifier"] = "new"  # classifier: its head, which must have label signals
    pooling: LabelSignalPooling = LabelSignalPooling()  # of a new head
    labels: Literal["fused", "generative"] = "generative"
    standardise: Literal["teacher", "target"] = "target"
    diversity: float = Field(default=0.5, ge=0)
    steps: int = Field(default=1500, ge=1)
    batch_size: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=5e-4, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    clip_norm: float = Field(default=1.0, gt=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _pooling_is_of_a_new_head(self) -> LabelSignalSettings:
        if self.start == "classifier" and "pooling" in self.model_fields_set:
            raise ValueError(
                "`pooling`: with `start: classifier` the head is the classifier's, as `source.pooling` made it; take "
                "it away, or `start`"
            )
        return self

    @property
    def uses(self) -> Uses:
        """What the labels are made of, where they are not taken as they stand."""
        return self._plain.uses

    def check_start(self, config: ClassifierConfig) -> None:
        """Raises TrainingError where the classifier's head is to go on, and has no label signals."""
        if self.start == "classifier" and not isinstance(config.pooling, LabelSignalPooling):
            pools = config.pooling if isinstance(config.pooling, str) else config.pooling.kind
            raise TrainingError(
                f"student.start is classifier, but the classifier's head pools by `{pools}`. Expected one with label "
                "signals: train it with `source.pooling: {kind: label_signal}`, or set `student.start: new`."
            )

    def hearing(self, config: ClassifierConfig) -> ClassifierConfig:
        """How the clips are heard: a new head may want frames where the classifier hears means; it can do with both."""
        if self.start == "classifier":
            return config
        ours = {
            "pooling": self.pooling,
            "layers": "weighted",
            "activation": "relu",
            "groups": None,
            "shares": None,
            "places": None,
        }
        return config.model_copy(update=ours)

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
        """Trains such a student; arguments and errors as of `MIFuseSettings.train`.

        Raises:
            TrainingError: `start: classifier`, and its head has no label signals.
        """
        from tasks.students.label_signal_loop import new_student

        teacher = copy.deepcopy(start)
        learnt = self._plain.prepared(teacher, data, classes)
        student = self.loop(new_student(self, teacher), learnt, classes).run(resume, keep, report, note)
        return replace(student, labels_NC=learnt.labels_NC) if self.labels == "generative" else student

    def loop(self, head: Head, data: TrainingData, classes: Sequence[str]) -> Loop:
        """Training at its first step; it changes `head`."""
        from tasks.students.label_signal_loop import LabelSignalObjective
        from tasks.students.loop import Loop

        return Loop(self, head, data, classes, LabelSignalObjective(self, head, data))

    def optimiser(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """AdamW."""
        return self._plain.optimiser(parameters)

    def learning_rate_factor(self, step: int) -> float:
        """Linear warm-up, then a half cosine to 0."""
        return self._plain.learning_rate_factor(step)

    @property
    def _plain(self) -> MIFuseSettings:
        """MI-Fuse without a moving teacher: the same labels, the same optimiser."""
        shared = self.model_dump(exclude={"kind", "start", "pooling"})
        return MIFuseSettings(teacher_refresh="never", **shared)
