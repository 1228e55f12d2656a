"""What the trainers of SHOT's family share: one recipe, one promise; each adds what it minimises."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tasks.contracts.settings import Settings
from tasks.students.uses import Uses

if TYPE_CHECKING:
    import torch

    from tasks.networks.head import Head
    from tasks.students.base import Checkpoint, Student, TrainingData
    from tasks.students.loop import Loop
    from tasks.students.objective import Objective


class SHOTFamilySettings(Settings):
    """The recipe of Liang et al. 2020 (arXiv:2002.08546), which NRC, AaD, DINE and ProDe took over.

    The whole head counts as what they call bottleneck and classifier, and so gets the full learning rate.
    """

    steps: int = Field(default=500, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=1e-2, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    clip_norm: float = Field(default=100.0, gt=0)  # the authors do not clip; ordinary steps stay below 11
    seed: int = Field(default=0, ge=0)

    uses: ClassVar[Uses] = "labels"
    decay_power: ClassVar[float] = 0.75

    @abstractmethod
    def objective(self, head: Head, data: TrainingData) -> Objective:
        """What is minimised."""

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
        """Trains a student that starts from the classifier; arguments and errors as of `MIFuseSettings.train`."""
        return self.loop(copy.deepcopy(start), data, classes).run(resume, keep, report, note)

    def loop(self, head: Head, data: TrainingData, classes: Sequence[str]) -> Loop:
        """Training at its first step; it changes `head`."""
        from tasks.students.faults import check_clips
        from tasks.students.loop import Loop

        check_clips(data)
        return Loop(self, head, data, classes, self.objective(head, data))

    def optimiser(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """SGD with Nesterov's momentum."""
        import torch

        return torch.optim.SGD(
            parameters, lr=self.learning_rate, momentum=0.9, nesterov=True, weight_decay=self.weight_decay
        )

    def learning_rate_factor(self, step: int) -> float:
        """``(1 + 10 t / T)^-0.75``: falls to about a sixth (a 36th for DINE, whose power is 1.5)."""
        return (1 + 10 * step / self.steps) ** -self.decay_power
