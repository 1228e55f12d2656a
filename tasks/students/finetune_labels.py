"""The labels of fine-tuning: the pipeline's rule over the LALM's draws and fresh draws of a teacher with an encoder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from tasks.contracts.errors import TrainingError
from tasks.encoders.batches import plan_batches
from tasks.encoders.waves import decoded_ahead
from tasks.fusion.base import Draws, fused_by
from tasks.students.base import TrainingData
from tasks.students.chance import FIRST_FREE_STREAM, Chance
from tasks.students.finetune_batch import Batch, Micro
from tasks.students.finetune_network import ClipsInTraining, TunedNetwork

if TYPE_CHECKING:
    from tasks.students.mi_fuse import MIFuseSettings


_PASSES = FIRST_FREE_STREAM  # as over stored features


@dataclass(frozen=True)
class Labels:
    """What the student is to say of B clips, and what the teacher alone says; None where it was not asked."""

    target_BC: torch.Tensor
    teacher_BC: torch.Tensor | None

    def of(self, rows_B: torch.Tensor) -> Labels:
        """Some of them."""
        return Labels(self.target_BC[rows_B], None if self.teacher_BC is None else self.teacher_BC[rows_B])


class MovingLabels:
    """What `teacher_refresh` says, with each process making the draws of its own clips.

    Args:
        settings: The trainer's.
        data: All clips.
        clips: Those of the student, with which the teacher's are shared out alike.
        teacher: Starts as the classifier and follows the student.
    """

    def __init__(
        self, settings: MIFuseSettings, data: TrainingData, clips: ClipsInTraining, teacher: TunedNetwork
    ) -> None:
        self._settings, self._data, self._clips, self.teacher = settings, data, clips, teacher
        self._chance, self._processes = Chance(settings.seed), clips.processes
        self._epoch: Labels | None = None
        self._epoch_of = -1

    def of(self, batch: Batch) -> Labels:
        """Of all clips of the step, on the CPU."""
        refresh = self._settings.teacher_refresh
        if refresh == "never":
            return Labels(self._data.labels_NC[batch.rows_B], None)
        if refresh == "step":
            drawn_BKC = self._draws(batch.micros, len(batch.rows_B), batch.step)
            return Labels(self._fused(batch.step, batch.rows_B, drawn_BKC), drawn_BKC.mean(dim=1))
        if self._epoch is None or self._epoch_of != batch.epoch:
            self._epoch, self._epoch_of = self._renewed(batch), batch.epoch
        return self._epoch.of(batch.rows_B)

    def _renewed(self, batch: Batch) -> Labels:
        """Derived from the teacher at the epoch's first step, which a checkpoint inside the epoch no longer has."""
        rows_N = torch.arange(len(self._data))
        drawn_NKC = self._draws(self._own_micros(), len(rows_N), batch.epoch)
        return Labels(self._fused(batch.step, rows_N, drawn_NKC), drawn_NKC.mean(dim=1))

    def _own_micros(self) -> Iterable[Micro]:
        """This process's share of all clips, in batches of like length, of no more clips than a step's."""
        files = self.teacher.hearing.files
        row_of = {file.sha256: row for row, file in enumerate(files)}
        by_length = sorted(files, key=lambda file: (file.duration_s, file.sha256))
        own = by_length[self._processes.rank :: self._processes.count]
        longest_s = max((file.duration_s for file in own), default=0.0)
        for some, waves in decoded_ahead(plan_batches(own, (), self._settings.batch_size * longest_s)):
            rows = [row_of[file.sha256] for file in some]
            yield Micro(rows, rows, waves)

    def _draws(self, micros: Iterable[Micro], size: int, position: int) -> torch.Tensor:
        """Fresh draws of all processes' clips, shape (size, K, C), on the CPU."""
        draws = self._data.classifier_draws
        probs = torch.zeros(size, draws, self._data.labels_NC.shape[1])
        for micro in micros:
            keys_MK = self._chance.keys(_PASSES, position, torch.tensor(micro.rows), draws)
            numbers = range(position * draws, (position + 1) * draws)
            seed = stream_seed(self._settings.seed, _PASSES)
            live = self._clips.live(micro.rows, numbers, seed) if self._clips.teacher_drops else None
            probs[micro.places] = self.teacher.passes(micro, keys_MK, live, gradients=False).softmax(dim=-1).cpu()
        return self._processes.total(probs)

    def _fused(self, step: int, rows_B: torch.Tensor, probs_BKC: torch.Tensor) -> torch.Tensor:
        assert self._data.rule is not None
        if not torch.isfinite(probs_BKC).all():
            raise ran_away("the moving teacher's draws are not finite", step, self._settings)
        fresh = Draws(probs_BKC, torch.ones(probs_BKC.shape[:2], dtype=torch.bool))
        draws = [
            fresh if fixed is None else Draws(fixed.probs_NKC[rows_B], fixed.valid_NK[rows_B])
            for fixed in self._data.draws
        ]
        seen_BD = None if self._data.seen_ND is None else self._data.seen_ND[rows_B]
        fused_BC = fused_by(self._data.rule, draws, seen_BD).probs_NC
        # A clip that the rule gives no label now keeps the one it came with.
        return torch.where(fused_BC.isnan(), self._data.labels_NC[rows_B], fused_BC)

    def follow(self, student: TunedNetwork) -> None:
        """Equation 7."""
        self.teacher.follow(student, self._settings.ema)

    def state(self) -> dict[str, Any]:
        """Everything that the next step's labels depend on."""
        return {
            "teacher": self.teacher.weights(),
            "epoch": vars(self._epoch) if self._epoch else None,
            "epoch_of": self._epoch_of,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes it back."""
        self.teacher.set_weights(state["teacher"])
        self._epoch = Labels(**state["epoch"]) if state["epoch"] else None
        self._epoch_of = state["epoch_of"]


def stream_seed(seed: int, stream: int) -> int:
    """Of the masks inside an encoder: student and teacher must not share theirs."""
    return 16 * seed + stream


def ran_away(found: str, step: int, settings: MIFuseSettings) -> TrainingError:
    """What to say when numbers are not finite any more."""
    return TrainingError(
        f"{found} at step {step + 1}. Lower student.learning_rate (now {settings.learning_rate:g}) or "
        f"student.encoder_learning_rate (now {settings.encoder_learning_rate:g}); finished stages are kept."
    )
