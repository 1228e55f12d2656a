"""One step after the other of the MI-Fuse trainer; the settings and the promise are in `mi_fuse.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tasks.contracts.errors import TrainingError
from tasks.encoders.base import Frames
from tasks.fusion.base import Draws, fuse
from tasks.maths.threads import one_thread
from tasks.networks.head import Head
from tasks.students.base import Checkpoint, Student, TrainingData
from tasks.students.losses import diversity, soft_cross_entropy

if TYPE_CHECKING:
    from tasks.students.mi_fuse import MIFuseSettings


class Loop:
    """The state of training: student, moving teacher, optimiser, step."""

    def __init__(self, settings: MIFuseSettings, head: Head, data: TrainingData, classes: Sequence[str]) -> None:
        self.step = 0
        self._settings = settings
        self._data = data
        self._classes = list(classes)
        self._head = head.train()
        self._teacher = AveragedModel(head, multi_avg_fn=get_ema_multi_avg_fn(settings.ema))
        self._teacher.update_parameters(head)  # its first update copies; from here on each is equation 7
        self._optimiser = torch.optim.AdamW(
            head.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, settings.learning_rate_factor)
        self._epoch_labels_NC: torch.Tensor | None = None
        self._epoch_labels_of = -1
        self._curves: list[dict[str, float]] = []

    def advance(self) -> None:
        """One optimiser step and one step of the moving teacher."""
        rows_B = self._rows()
        heard = self._heard(rows_B)  # an encoder that hears the clips anew may use more than one thread
        target_BC = self._targets(rows_B, heard)
        with one_thread():
            self._learn(heard, target_BC)

    def _learn(self, heard: Frames, target_BC: torch.Tensor) -> None:
        masks = self._head.draw_masks(len(heard), 1, self._generator(stream=1))
        logits_BC = self._head(heard, masks)[:, 0]
        cross_entropy, negative_entropy = soft_cross_entropy(logits_BC, target_BC), diversity(logits_BC)
        loss = cross_entropy + self._settings.diversity * negative_entropy
        self._check(loss)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._head.parameters(), self._settings.clip_norm)
        self._optimiser.step()
        self._schedule.step()
        self._teacher.update_parameters(self._head)
        self.step += 1
        if self._settings.reports(self.step):
            self._note(loss, cross_entropy, negative_entropy, logits_BC, target_BC)

    def _rows(self) -> torch.Tensor:
        """Which clips: an epoch is a permutation; a last batch that is not full is left out of it."""
        size = min(self._settings.batch_size, len(self._data))
        epoch, batch = divmod(self.step, len(self._data) // size)
        order_N = torch.randperm(len(self._data), generator=self._generator(stream=0, at=epoch))
        return order_N[batch * size : (batch + 1) * size]

    @torch.no_grad()
    def _targets(self, rows_B: torch.Tensor, heard: Frames) -> torch.Tensor:
        refresh = self._settings.teacher_refresh
        if refresh == "never":
            return self._data.labels_NC[rows_B]
        if refresh == "step":
            return self._fused(rows_B, self._passes(heard, self._generator(stream=2)))
        size = min(self._settings.batch_size, len(self._data))
        epoch = self.step // (len(self._data) // size)
        if self._epoch_labels_of != epoch:
            # Derived from the teacher at the epoch's first step, which a checkpoint inside the epoch no longer has.
            everything, generator = torch.arange(len(self._data)), self._generator(stream=2, at=epoch)
            # A batch at a time: all clips' frames may not fit into memory.
            probs = [self._passes(self._heard(some_B), generator) for some_B in everything.split(size)]
            self._epoch_labels_NC = self._fused(everything, torch.cat(probs))
            self._epoch_labels_of = epoch
        assert self._epoch_labels_NC is not None
        return self._epoch_labels_NC[rows_B]

    @one_thread()
    def _passes(self, heard: Frames, generator: torch.Generator) -> torch.Tensor:
        """Fresh draws of the moving teacher, shape (B, K, C)."""
        teacher = cast(Head, self._teacher.module)
        masks = teacher.draw_masks(len(heard), self._data.classifier_draws, generator)
        return torch.softmax(teacher(heard, masks), dim=-1)

    @one_thread()
    def _fused(self, rows_B: torch.Tensor, probs_BKC: torch.Tensor) -> torch.Tensor:
        """The pipeline's rule over the fixed draws and fresh draws of the moving teacher."""
        assert self._data.rule is not None
        if not torch.isfinite(probs_BKC).all():
            raise TrainingError(self._not_finite("the moving teacher's draws are not finite"))
        fresh = Draws(probs_BKC, torch.ones(probs_BKC.shape[:2], dtype=torch.bool))
        draws = [
            fresh if fixed is None else Draws(fixed.probs_NKC[rows_B], fixed.valid_NK[rows_B])
            for fixed in self._data.draws
        ]
        fused_BC = fuse(self._data.rule.weights(draws), draws)
        # A clip that the rule gives no label now keeps the one it came with.
        return torch.where(fused_BC.isnan(), self._data.labels_NC[rows_B], fused_BC)

    def _heard(self, rows_B: torch.Tensor) -> Frames:
        """On the CPU, where the head learns, whatever device an encoder has just heard the clips on."""
        return self._data.features.rows(rows_B.tolist()).to("cpu")

    def _generator(self, stream: int, at: int | None = None) -> torch.Generator:
        """Random numbers that depend on seed, purpose and step only."""
        position = self.step if at is None else at
        # Not seed << 32: torch's CPU generator takes the lower 32 bits of a seed and drops the others.
        [state] = np.random.SeedSequence([self._settings.seed, stream, position]).generate_state(1)
        return torch.Generator().manual_seed(int(state))

    def _check(self, loss: torch.Tensor) -> None:
        if not torch.isfinite(loss):
            raise TrainingError(self._not_finite(f"the loss is {loss.item()}"))

    def _not_finite(self, found: str) -> str:
        rate = self._settings.learning_rate
        return f"{found} at step {self.step + 1}. Lower student.learning_rate (now {rate:g}); finished stages are kept."

    @torch.no_grad()
    def _note(
        self,
        loss: torch.Tensor,
        cross_entropy: torch.Tensor,
        negative_entropy: torch.Tensor,
        logits_BC: torch.Tensor,
        target_BC: torch.Tensor,
    ) -> None:
        shares_C = logits_BC.softmax(dim=-1).mean(dim=0)
        agreement = (logits_BC.argmax(dim=-1) == target_BC.argmax(dim=-1)).float().mean()
        point = {"loss": loss, "loss_ce": cross_entropy, "loss_div": negative_entropy, "agreement": agreement}
        point |= {f"share_{name}": share for name, share in zip(self._classes, shares_C, strict=True)}
        self._curves.append({"step": float(self.step)} | {name: value.item() for name, value in point.items()})

    def checkpoint(self) -> Checkpoint:
        """Everything that the next step depends on."""
        state = {
            "head": self._head.state_dict(),
            "teacher": self._teacher.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "epoch_labels": self._epoch_labels_NC,
            "epoch_labels_of": self._epoch_labels_of,
        }
        return Checkpoint(self.step, state, list(self._curves))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on from there."""
        self.step = checkpoint.step
        self._head.load_state_dict(checkpoint.state["head"])
        self._teacher.load_state_dict(checkpoint.state["teacher"])
        self._optimiser.load_state_dict(checkpoint.state["optimiser"])
        self._schedule.load_state_dict(checkpoint.state["schedule"])
        self._epoch_labels_NC = checkpoint.state["epoch_labels"]
        self._epoch_labels_of = checkpoint.state["epoch_labels_of"]
        self._curves = list(checkpoint.curves)

    def student(self) -> Student:
        """The trained head, ready to predict."""
        return Student(self._head.eval(), self._curves)
