"""Fine-tuning an encoder on fused labels, step by step, in one process or several; `mi_fuse.py` has the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.memory import is_out_of_memory
from tasks.networks.head import Head
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.chance import DROPOUT, Chance
from tasks.students.curves import point_of
from tasks.students.finetune_batch import Batch, Sharing
from tasks.students.finetune_labels import Labels, MovingLabels, ran_away, stream_seed
from tasks.students.finetune_milestones import TunedMilestones
from tasks.students.finetune_network import ClipsInTraining, TunedNetwork
from tasks.students.losses import diversity, soft_cross_entropy
from tasks.students.processes import total_gradients

if TYPE_CHECKING:
    from tasks.students.mi_fuse import MIFuseSettings

_CHECKPOINT_EVERY = 50  # some minutes of a large encoder; over stored features the same number is seconds
_REPORT_EVERY = 25


class FineTuning:
    """The state of training: student, moving teacher, optimiser, step; the same in every process.

    A step's loss is of the whole batch: its part for diversity joins all clips. So all processes get all logits
    first, each finds the loss's gradient by every one of them, and carries the gradients of its own clips back
    through its encoder (Gao et al. 2021, arXiv:2101.06983). What adds up is the gradient of the whole batch, whatever
    the shares; the numbers differ by the rounding of sums only.
    """

    def __init__(self, settings: MIFuseSettings, head: Head, data: TrainingData, classes: Sequence[str]) -> None:
        clips = data.features
        assert isinstance(clips, ClipsInTraining)
        self.step = 0
        self._settings, self._classes, self._clips = settings, list(classes), clips
        self._processes = clips.processes
        if settings.gradient_checkpointing:
            clips.encoder.recompute_layers()
        self._chance = Chance(settings.seed)
        self._student = TunedNetwork(head, clips)
        self._labels = MovingLabels(settings, data, clips, self._student.twin())
        groups = self._student.parameter_groups(settings.learning_rate, settings.encoder_learning_rate)
        self._rates = [group["lr"] for group in groups]
        self._optimiser = settings.optimiser(groups)  # type: ignore[arg-type]
        self._scaler = torch.amp.GradScaler(clips.device.type, enabled=clips.is_float16)
        self._milestones = TunedMilestones(data, settings.steps, settings.batch_size, clips.processes)
        self._curves: list[dict[str, float]] = []

    def run(
        self,
        resume: Checkpoint | None,
        keep: Callable[[Checkpoint], None],
        report: Callable[[int], object],
        note: Callable[[dict[str, float]], object] = lambda point: None,
    ) -> Student:
        """All steps that are left; see `tasks.students.loop.Loop.run`. Only the first process calls anyone."""
        if resume is not None:
            self.restore(resume)
        self._check_together()
        if self.step == 0:
            self._milestones.look(0, self._student)
        for batch in self.sharing().batches(self.step, self._settings.steps):
            noted = len(self._curves)
            self.advance(batch)
            self._milestones.look(self.step, self._student)
            if self._processes.rank > 0:
                continue
            report(1)
            for point in self._curves[noted:]:
                note(point)
            if self.step % _CHECKPOINT_EVERY == 0 and self.step < self._settings.steps:
                keep(self.checkpoint())
        return Student(self._student.head.cpu().eval(), self._curves, self._milestones.named())

    def sharing(self) -> Sharing:
        """What this process does of each step."""
        settings, processes = self._settings, self._processes
        return Sharing(
            self._clips.files,
            settings.batch_size,
            settings.accumulate,
            rank=processes.rank,
            count=processes.count,
            seed=settings.seed,
        )

    def _check_together(self) -> None:
        steps = self._processes.total(torch.tensor([float(self.step)])).item()
        if steps != self.step * self._processes.count:
            raise TrainingError(
                f"the processes do not start at the same step: process {self._processes.rank} is at {self.step}, the "
                f"mean is {steps / self._processes.count:g}. All must see the same cache folder; on several machines "
                "put it on a disk that they share."
            )

    def advance(self, batch: Batch) -> None:
        """One optimiser step."""
        try:
            self._learn(batch, self._labels.of(batch))
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise TrainingError(self._too_large(batch)) from error
            raise

    def _learn(self, batch: Batch, labels: Labels) -> None:
        whole = len(batch.micros) == 1  # then its graph is kept, and it need not be heard twice
        own = [self._passes(batch, n, gradients=whole) for n in range(len(batch.micros))]
        logits_BC = self._joined(batch, own, labels.target_BC).requires_grad_()
        parts = {
            "ce": soft_cross_entropy(logits_BC, labels.target_BC),
            "div": self._settings.diversity * diversity(logits_BC),
        }
        loss = torch.stack(list(parts.values())).sum()
        self._check("the loss", loss)
        [slope_BC] = torch.autograd.grad(loss, logits_BC)
        self._optimiser.zero_grad()
        for n, micro in enumerate(batch.micros):
            logits_MC = own[n] if whole else self._passes(batch, n, gradients=True)
            logits_MC.backward(self._scaler.scale(slope_BC[micro.places].to(logits_MC.device)))
        self._update()
        if self.step % _REPORT_EVERY == 0 or self.step in (1, self._settings.steps):
            point = point_of(self.step, loss, parts, logits_BC, self._classes, labels.target_BC, labels.teacher_BC)
            self._curves.append(point)

    def _passes(self, batch: Batch, n: int, *, gradients: bool) -> torch.Tensor:
        micro, clips = batch.micros[n], self._clips
        keys_M1 = self._chance.keys(DROPOUT, batch.step, torch.tensor(micro.rows))
        seed = stream_seed(self._settings.seed, DROPOUT)
        live = clips.live(micro.rows, (batch.step,), seed) if clips.encoder.has_dropout else None
        return self._student.passes(micro, keys_M1, live, gradients=gradients)[:, 0]

    def _joined(self, batch: Batch, own: Sequence[torch.Tensor], like_BC: torch.Tensor) -> torch.Tensor:
        """The logits of all processes, shape (B, C), on the CPU."""
        logits_BC = torch.zeros_like(like_BC)
        for micro, logits_MC in zip(batch.micros, own, strict=True):
            logits_BC[micro.places] = logits_MC.detach().float().cpu()
        return self._processes.total(logits_BC)

    def _update(self) -> None:
        parameters = self._student.parameters()
        total_gradients(self._processes, parameters)
        self._scaler.unscale_(self._optimiser)
        norm = torch.nn.utils.clip_grad_norm_(parameters, self._settings.clip_norm)
        if not self._scaler.is_enabled():  # it leaves such a step out by itself
            self._check("the norm of the gradient", norm)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * self._settings.learning_rate_factor(self.step)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._labels.follow(self._student)
        self.step += 1

    def _check(self, what: str, found: torch.Tensor) -> None:
        if not torch.isfinite(found):
            raise ran_away(f"{what} is {found.item()}", self.step, self._settings)

    def _too_large(self, batch: Batch) -> str:
        clips = max((len(micro.rows) for micro in batch.micros), default=0)
        return (
            f"training the student: there is not enough memory on {self._clips.device} for {clips} clips at once. "
            f"Raise student.accumulate (now {self._settings.accumulate}) or set student.gradient_checkpointing, with "
            "which the result stays the same; or train less of the encoder. What was done before is kept."
        )

    def checkpoint(self) -> Checkpoint:
        """Everything that the next step depends on."""
        state: dict[str, Any] = {
            "student": self._student.weights(),
            "labels": self._labels.state(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "milestones": self._milestones.state(),
        }
        return Checkpoint(self.step, state, list(self._curves))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on from there."""
        self.step = checkpoint.step
        self._student.set_weights(checkpoint.state["student"])
        self._labels.restore(checkpoint.state["labels"])
        self._optimiser.load_state_dict(checkpoint.state["optimiser"])
        self._scaler.load_state_dict(checkpoint.state["scaler"])
        self._milestones.restore(checkpoint.state["milestones"])
        self._curves = list(checkpoint.curves)
