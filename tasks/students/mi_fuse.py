"""The MI-Fuse trainer: labels fused anew at each step with a teacher that follows the student (arXiv:2509.20706)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from tasks.students.finetune_settings import FineTuneSettings
from tasks.students.uses import Uses

if TYPE_CHECKING:
    import torch

    from tasks.networks.head import Head
    from tasks.students.base import Checkpoint, Student, TrainingData
    from tasks.students.finetune_loop import FineTuning
    from tasks.students.loop import Loop


# One in so many of a cold start's steps, where training goes on from a student: `docs/training.md` has the figures.
_WARM_PART = 5

# What a recipe sets where nothing else is said; `paper` is every default below.
_RECIPES: dict[str, dict[str, Any]] = {
    "paper": {},
    "best": {"labels": "generative", "standardise": "target", "teacher_refresh": "never", "diversity": 0.5},
}


class MIFuseSettings(FineTuneSettings):
    """`student: {kind: mi_fuse}`. `recipe: paper` is the paper's where it states one; `best` is what won more often."""

    kind: Literal["mi_fuse"] = "mi_fuse"
    recipe: Literal["paper", "best"] = "best"
    start: Literal["classifier"] = "classifier"
    labels: Literal["fused", "generative"] = "fused"  # the pipeline's, or made anew: see `students/relabelling.py`
    standardise: Literal["teacher", "target"] = "teacher"  # by whose statistics features are
    ema: float = Field(default=0.999, ge=0, lt=1)
    diversity: float = Field(default=1.0, ge=0)
    teacher_refresh: Literal["step", "epoch", "never"] = "step"  # when the classifier's part of the labels is renewed
    steps: int = Field(default=1500, ge=1)
    batch_size: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)  # share of the steps
    clip_norm: float = Field(default=1.0, gt=0)
    keep: Literal["last", "most_diverse"] = "last"  # which step's weights: see `students/milestones.py`
    warm_start: bool = False  # from the student that the pipeline showed last: see `students/warm_start.py`
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _by_recipe(cls, given: Any) -> Any:
        """The recipe's settings below those that are given, so that all of them enter the fingerprint."""
        if not isinstance(given, dict):
            return given
        recipe = given.get("recipe", cls.model_fields["recipe"].default)
        return _RECIPES.get(str(recipe), {}) | given  # what is no recipe's name is refused later, with all mistakes

    def _mistakes(self) -> Iterator[str]:
        yield from super()._mistakes()
        if self.keep != "last" and self.fine_tunes:
            yield "`keep`: with an encoder in training the last step is kept; take it away, or `trainable`"
        if self.teacher_refresh == "never" and self.ema != type(self).model_fields["ema"].default:
            yield (
                f"`ema` is {self.ema:g}, but with `teacher_refresh: never` no moving teacher is asked; take it away, "
                "or let the labels move: `teacher_refresh: step`"
                + (" and `labels: fused`" if self.labels != "fused" else "")
            )
        if self.warm_start and self.fine_tunes:
            yield (
                "`warm_start`: with an encoder in training the student starts from the classifier each time; take it "
                "away, or `trainable`"
            )
        if self.labels == "generative" and self.teacher_refresh != "never":
            yield (
                f"`teacher_refresh` is {self.teacher_refresh}, but labels of `labels: generative` are made once, "
                "before the first step; set `teacher_refresh: never`, or `labels: fused` as `recipe: paper` does"
            )

    @property
    def uses(self) -> Uses:
        """What the labels are made of, where they are not taken as they stand."""
        if self.labels == "generative":
            return "views"
        return "labels" if self.teacher_refresh == "never" else "rule"

    @property
    def looks_ahead(self) -> bool:
        """Whether all clips are heard before the first step, by the encoder as it was."""
        return self.labels == "generative" or self.standardise == "target"

    def train(
        self,
        start: Head,
        data: TrainingData,
        classes: Sequence[str],
        resume: Checkpoint | None,
        keep: Callable[[Checkpoint], None],
        report: Callable[[int], object],
        note: Callable[[dict[str, float]], object] = lambda point: None,
        last: Head | None = None,
    ) -> Student:
        """Trains a student that starts from the classifier, or goes on from an earlier student.

        The order of the clips and all masks derive from seed and step alone, so that a run that goes on from a
        checkpoint ends in the same weights.

        Args:
            start: The source classifier; left as it is.
            data: The target's clips.
            classes: Names for the curves.
            resume: Where an earlier run was stopped.
            keep: Called with a checkpoint now and then.
            report: Called with the number of steps done since the last call.
            note: Called with each point of the curves.
            last: An earlier student, whose weights it starts with; labels are still the classifier's.

        Raises:
            TrainingError: Fewer than two clips, labels that all say one class and nothing else, or numbers that are
                not finite.
        """
        head = copy.deepcopy(start)
        learnt = self.prepared(head, data, classes)
        begun = self.fine_tuning(head, learnt, classes) if self.fine_tunes else self.loop(head, learnt, classes, last)
        student = begun.run(resume, keep, report, note)
        return replace(student, labels_NC=learnt.labels_NC) if self.labels == "generative" else student

    def loop(self, head: Head, data: TrainingData, classes: Sequence[str], last: Head | None = None) -> Loop:
        """Training at its first step, of what `prepared` gave; it changes `head`."""
        from tasks.students.loop import Loop
        from tasks.students.mi_fuse_loop import MIFuseObjective
        from tasks.students.warm_start import take_weights

        # First: the moving teacher starts as the classifier each time. One that started as the last student would
        # hear its own opinion, night after night: 4 points of UA lost after four (`docs/training.md`).
        objective = MIFuseObjective(self, head, data)
        if last is not None:
            take_weights(head, last)
        return Loop(self, head, data, classes, objective, self.keep)

    def fine_tuning(self, head: Head, data: TrainingData, classes: Sequence[str]) -> FineTuning:
        """The same with an encoder in training: it changes `head`, and the encoder of `data.features`."""
        from tasks.students.finetune_loop import FineTuning

        return FineTuning(self, head, data, classes)

    def prepared(self, head: Head, data: TrainingData, classes: Sequence[str]) -> TrainingData:
        """The data with the labels that are learnt from, checked; `head` gets the statistics that it keeps."""
        from tasks.networks.statistics import statistics_of
        from tasks.students.faults import check_clips, check_labels
        from tasks.students.relabelling import relabelled

        check_clips(data)
        if self.labels == "generative":
            data = relabelled(head, data, self.seed, self.standardise)
        check_labels(data.labels_NC, classes)
        if self.standardise == "target":
            head.standardise_by(statistics_of(data.still))
        return data

    def going_on(self) -> MIFuseSettings:
        """The same with the steps that a warm start needs.

        >>> MIFuseSettings(steps=1500, warm_start=True).going_on().steps
        300
        """
        return self.model_copy(update={"steps": math.ceil(self.steps / _WARM_PART)})

    def optimiser(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """AdamW."""
        import torch

        return torch.optim.AdamW(parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True)

    def learning_rate_factor(self, step: int) -> float:
        """Linear warm-up, then a half cosine to 0.

        >>> [round(MIFuseSettings(steps=100, warmup=0.1).learning_rate_factor(s), 2) for s in (0, 9, 10, 55, 100)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        """
        warmup = int(self.warmup * self.steps)
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, self.steps - warmup)))
