"""One run of training the source classifier, epoch by epoch; it can be stopped after any and go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import recall_score
from torch.nn import functional

from tasks.contracts.errors import TrainingError
from tasks.encoders.memory import is_out_of_memory
from tasks.students.base import Checkpoint
from tasks.students.label_signal_training import LabelTraining
from tasks.students.source_network import Network, Weights
from tasks.students.source_settings import SourceTraining

_CLIP_NORM = 1.0
_ORDER, _MASKS = 0, 1  # streams of chance


@dataclass(frozen=True)
class Best:
    """The best epoch so far: by UA on the clips held out, among equals by loss; its weights where they are wanted."""

    epoch: int
    ua: float
    loss: float
    weights: Weights | None


@dataclass(frozen=True)
class Course:
    """What a run is about.

    Attributes:
        labels_N: Class indices of all clips.
        train: Rows to learn from.
        held_out: Rows to validate on; without any, nothing ends the run early.
        seed: Of the order of the clips and of dropout.
        epochs: Where it ends at the latest; the learning rate falls as if it went on to `SourceTraining.epochs`.
        keeps_weights: Whether the best epoch's weights are wanted, not only its number.
    """

    labels_N: torch.Tensor
    train: Sequence[int]
    held_out: Sequence[int]
    seed: int
    epochs: int
    keeps_weights: bool = False


class Loop:
    """The state of one run: network, optimiser, epoch, the best epoch so far."""

    def __init__(self, training: SourceTraining, network: Network, course: Course) -> None:
        self.epoch = 0
        self.best: Best | None = None
        self._training, self._network, self._course = training, network, course
        groups = network.parameter_groups(training.learning_rate, training.encoder_learning_rate)
        self._rates = [group["lr"] for group in groups]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=training.weight_decay)
        self._scaler = torch.amp.GradScaler(network.hearing.device.type, enabled=network.hearing.is_float16)
        self._labels_N = course.labels_N.to(network.hearing.device)
        self._signals = LabelTraining(network.head)
        self.class_weights_C = class_weights(training, self._labels_N[list(course.train)])

    @property
    def is_done(self) -> bool:
        """All epochs, or none better for too long."""
        waited = self.epoch - self.best.epoch if self.best else 0
        return self.epoch >= self._course.epochs or waited >= self._training.patience

    @property
    def best_ua(self) -> float | None:
        """On the clips held out; None before the first epoch, and without such clips."""
        return self.best.ua if self.best else None

    def advance(self) -> None:
        """One epoch: every clip to learn from once, then those held out."""
        try:
            self._learn()
            self.epoch += 1
            if self._course.held_out:
                self._validate()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise TrainingError(self._too_large()) from error
            raise

    def _learn(self) -> None:
        generator = self._generator(_MASKS)
        batches = self._batches()
        self._network.head.train()
        self._signals.begin_epoch()
        for number, rows_B in enumerate(batches):
            self._set_rate(self.epoch + number / len(batches))
            self._step(rows_B, (self._course.seed, self.epoch * len(batches) + number), generator)
        self._signals.end_epoch()
        self._network.head.eval()

    def _batches(self) -> list[list[int]]:
        order_N = torch.randperm(len(self._course.train), generator=self._generator(_ORDER))
        rows_N = torch.tensor(self._course.train)[order_N]
        return [rows_B.tolist() for rows_B in rows_N.split(self._training.batch_size)]

    def _generator(self, stream: int) -> torch.Generator:
        """Random numbers that depend on seed, purpose and epoch only, so that a checkpoint needs no state of them."""
        [state] = np.random.SeedSequence([self._course.seed, stream, self.epoch]).generate_state(1)
        return torch.Generator().manual_seed(int(state))

    def _set_rate(self, epochs_done: float) -> None:
        factor = self._training.learning_rate_factor(epochs_done)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def _step(self, rows_B: list[int], dropout: tuple[int, int], generator: torch.Generator) -> None:
        logits_BC, pooled_BD = self._network.logits(rows_B, dropout, generator)
        loss = self._loss(logits_BC, rows_B) + sum(self._signals.parts(logits_BC, pooled_BD).values())
        self._optimiser.zero_grad()
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self._optimiser)
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), _CLIP_NORM)
        if not self._scaler.is_enabled() and not torch.isfinite(norm):  # the scaler leaves such a step out by itself
            raise TrainingError(self._not_finite("the gradient", norm.item()))
        self._scaler.step(self._optimiser)
        self._scaler.update()

    def _loss(self, logits_BC: torch.Tensor, rows_B: Sequence[int]) -> torch.Tensor:
        loss = functional.cross_entropy(
            logits_BC,
            self._labels_N[list(rows_B)],
            self.class_weights_C,
            label_smoothing=self._training.label_smoothing,
        )
        if not torch.isfinite(loss):
            raise TrainingError(self._not_finite("the loss", loss.item()))
        return loss

    def _not_finite(self, what: str, found: float) -> str:
        rates = f"source.learning_rate (now {self._training.learning_rate:g})"
        if self._network.hearing.trained():
            rates += f" or source.encoder_learning_rate (now {self._training.encoder_learning_rate:g})"
        return f"training the source classifier: {what} is {found} in epoch {self.epoch + 1}. Lower {rates}."

    def _too_large(self) -> str:
        size = self._training.batch_size
        return (
            f"training the source classifier: there is not enough memory on {self._network.hearing.device} for a step "
            f"over {size} clips. Lower source.batch_size (now {size}) or source.clips.max_duration_s, or train less of "
            "the encoder; finished epochs are kept."
        )

    def _validate(self) -> None:
        rows_N, size = self._course.held_out, self._training.batch_size
        chunks = [self._network.sure_logits(rows_N[at : at + size]) for at in range(0, len(rows_N), size)]
        logits_NC = torch.cat(chunks)
        ua = unweighted_accuracy(self._labels_N[list(rows_N)], logits_NC)
        loss = self._loss(logits_NC, rows_N).item()
        if self.best is None or (ua, -loss) > (self.best.ua, -self.best.loss):
            weights = self._network.weights() if self._course.keeps_weights else None
            self.best = Best(self.epoch, ua, loss, weights)

    def checkpoint(self) -> Checkpoint:
        """Everything that the next epoch depends on."""
        state: dict[str, Any] = {
            "weights": self._network.weights(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "best": vars(self.best) if self.best else None,
        }
        return Checkpoint(self.epoch, state, [])

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes on from there."""
        self.epoch = checkpoint.step
        self._network.set_weights(checkpoint.state["weights"])
        self._optimiser.load_state_dict(checkpoint.state["optimiser"])
        self._scaler.load_state_dict(checkpoint.state["scaler"])
        self.best = Best(**checkpoint.state["best"]) if checkpoint.state["best"] else None


def class_weights(training: SourceTraining, labels_N: torch.Tensor) -> torch.Tensor | None:
    """`balanced`: n / (C n_c), so that each class counts alike in the loss, however many clips it has."""
    if training.class_weights == "none":
        return None
    counts_C = torch.bincount(labels_N)
    return len(labels_N) / (len(counts_C) * counts_C.float())


def unweighted_accuracy(labels_N: torch.Tensor, logits_NC: torch.Tensor) -> float:
    """Mean recall of the classes that occur, in [0, 1]."""
    named_N = logits_NC.argmax(dim=-1)
    return float(recall_score(labels_N.cpu(), named_N.cpu(), labels=labels_N.unique().cpu(), average="macro"))
