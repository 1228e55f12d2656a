"""What MI-Fuse minimises: labels fused anew with a teacher that follows the student; settings are in `mi_fuse.py`."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from tasks.encoders.base import Frames
from tasks.fusion.base import Draws, fused_by
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.chance import FIRST_FREE_STREAM, Chance
from tasks.students.faults import not_finite
from tasks.students.loop import Moment
from tasks.students.losses import diversity, soft_cross_entropy

if TYPE_CHECKING:
    from tasks.students.mi_fuse import MIFuseSettings

_PASSES = FIRST_FREE_STREAM


class MIFuseObjective:
    """Soft cross-entropy to the fused labels, and diversity: equation 6 of `docs/method.md`."""

    def __init__(self, settings: MIFuseSettings, head: Head, data: TrainingData) -> None:
        self._settings, self._head, self._data = settings, head, data
        self._chance = Chance(settings.seed)
        self._fixed = [
            None if fixed is None else Draws(np.asarray(fixed.probs_NKC), np.asarray(fixed.valid_NK))
            for fixed in data.draws
        ]
        # Not AveragedModel: it takes a fifth of a step to look for what has changed besides the parameters.
        self._teacher = copy.deepcopy(head).requires_grad_(False)
        self._average = get_ema_multi_avg_fn(settings.ema)
        self._target_BC: torch.Tensor | None = None
        self._drawn_BKC: torch.Tensor | None = None
        self._epoch_labels_NC: torch.Tensor | None = None
        self._epoch_teacher_NC: torch.Tensor | None = None
        self._epoch_of = -1

    def begin(self, step: int, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        """The labels of this step."""
        refresh = self._settings.teacher_refresh
        if refresh == "never":
            self._target_BC = self._data.labels_NC[rows_B]
        elif refresh == "step":
            drawn = self._passes(step, rows_B, heard)
            self._drawn_BKC = drawn.probs_NKC
            self._target_BC = self._fused(step, rows_B, drawn)
        else:
            if self._epoch_of != epoch:
                self._renew_all(step, epoch)
            assert self._epoch_labels_NC is not None
            assert self._epoch_teacher_NC is not None
            self._target_BC = self._epoch_labels_NC[rows_B]
            self._drawn_BKC = self._epoch_teacher_NC[rows_B][:, None]

    def _renew_all(self, step: int, epoch: int) -> None:
        """Derived from the teacher at the epoch's first step, which a checkpoint inside the epoch no longer has."""
        everything = torch.arange(len(self._data))
        # A batch at a time: all clips' frames may not fit into memory.
        size = min(self._settings.batch_size, len(self._data))
        parts = [
            self._passes(epoch, some_B, self._data.features.rows(some_B.tolist()).to("cpu"))
            for some_B in everything.split(size)
        ]
        drawn_NKC = torch.cat([part.probs_NKC for part in parts])
        drawn = Draws(drawn_NKC, torch.cat([part.valid_NK for part in parts]))
        self._epoch_labels_NC, self._epoch_teacher_NC = self._fused(step, everything, drawn), drawn_NKC.mean(dim=1)
        self._epoch_of = epoch

    def _passes(self, position: int, rows_B: torch.Tensor, heard: Frames) -> Draws:
        """Fresh draws of the moving teacher, shape (B, K, C)."""
        keys_BK = self._chance.keys(_PASSES, position, rows_B, self._data.classifier_draws)
        masks = self._teacher.keyed_masks(keys_BK)
        hidden_BKH = self._teacher.hidden(heard, masks)
        probs_BKC = torch.softmax(self._teacher.logits(hidden_BKH, masks), dim=-1)
        return Draws(probs_BKC, self._teacher.answers(hidden_BKH, masks))

    def _fused(self, step: int, rows_B: torch.Tensor, drawn: Draws) -> torch.Tensor:
        """The pipeline's rule over the fixed draws and fresh draws of the moving teacher."""
        assert self._data.rule is not None
        if not math.isfinite(drawn.probs_NKC.sum().item()):
            raise not_finite("the moving teacher's draws are not finite", step, self._settings.learning_rate)
        # In NumPy: on arrays this small torch's calls cost several times what the numbers do.
        fresh = Draws(drawn.probs_NKC.numpy(), drawn.valid_NK.numpy())
        rows = rows_B.numpy()
        draws = [
            fresh if fixed is None else Draws(fixed.probs_NKC[rows], fixed.valid_NK[rows]) for fixed in self._fixed
        ]
        seen_BD = None if self._data.seen_ND is None else self._data.seen_ND[rows_B].numpy()
        fused_BC = np.asarray(fused_by(self._data.rule, draws, seen_BD).probs_NC, dtype=np.float32)
        nowhere_B = np.isnan(fused_BC[:, 0])
        if nowhere_B.any():  # a clip that the rule gives no label now keeps the one it came with
            fused_BC[nowhere_B] = self._data.labels_NC.numpy()[rows[nowhere_B]]
        return torch.from_numpy(fused_BC)

    def parts(self, at: Moment) -> dict[str, torch.Tensor]:
        """See `Objective`."""
        assert self._target_BC is not None
        return {
            "ce": soft_cross_entropy(at.logits_BC, self._target_BC),
            "div": self._settings.diversity * diversity(at.logits_BC),
        }

    def learned(self) -> None:
        """Equation 7; nobody asks the teacher where labels stay as they are."""
        if self._settings.teacher_refresh != "never":
            self._average(list(self._teacher.parameters()), list(self._head.parameters()), 1)

    def target_BC(self) -> torch.Tensor | None:
        """See `Objective`."""
        return self._target_BC

    def teacher_BC(self) -> torch.Tensor | None:
        """See `Objective`."""
        return None if self._drawn_BKC is None else self._drawn_BKC.mean(dim=1)

    def state(self) -> dict[str, Any]:
        """See `Objective`."""
        return {
            "teacher": self._teacher.state_dict(),
            "epoch_labels": self._epoch_labels_NC,
            "epoch_teacher": self._epoch_teacher_NC,
            "epoch_of": self._epoch_of,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """See `Objective`."""
        self._teacher.load_state_dict(state["teacher"])
        self._epoch_labels_NC, self._epoch_teacher_NC = state["epoch_labels"], state["epoch_teacher"]
        self._epoch_of = state["epoch_of"]
