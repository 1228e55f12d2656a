"""What training does with a head's label embeddings: the consistency loss, and their moving average over epochs."""

from __future__ import annotations

import torch

from tasks.networks.head import Head
from tasks.networks.label_signal import LabelSignals
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.students.losses import label_consistency, label_scores


class LabelTraining:
    """Of a head without label signals: nothing.

    Args:
        head: In training; its embeddings are changed in place.
    """

    def __init__(self, head: Head) -> None:
        pooling, settings = head.pooling, head.config.pooling
        self._signals = pooling if isinstance(pooling, LabelSignals) else None
        self._settings = settings if isinstance(settings, LabelSignalPooling) else LabelSignalPooling()
        self._by_class = head.by_class
        self._before_CD: torch.Tensor | None = None

    def parts(self, logits_BC: torch.Tensor, pooled_BD: torch.Tensor) -> dict[str, torch.Tensor]:
        """`apc`, times its weight; empty where that is 0, so that nothing is computed that nobody asks for."""
        if self._signals is None or self._settings.consistency == 0:
            return {}
        scores_BC = label_scores(pooled_BD, self._signals.labels_CD, self._settings.temperature)
        # Embeddings are of the head's own outputs, as its logits are before they are added up to classes.
        scores_BC = scores_BC if self._by_class is None else self._by_class(scores_BC)
        return {"apc": self._settings.consistency * label_consistency(logits_BC, scores_BC)}

    def begin_epoch(self) -> None:
        """Notes where the embeddings are."""
        if self._signals is not None:
            self._before_CD = self._signals.labels_CD.detach().clone()

    @torch.no_grad()
    def end_epoch(self) -> None:
        r"""Writes back ``L_t = alpha L_{t-1} + (1 - alpha) L'``, of where the epoch began and where it ended."""
        if self._signals is None:
            return
        assert self._before_CD is not None
        alpha = self._settings.moving_average
        self._signals.labels_CD.mul_(1 - alpha).add_(self._before_CD, alpha=alpha)

    def state(self) -> torch.Tensor | None:
        """What a checkpoint within an epoch needs."""
        return self._before_CD

    def restore(self, before_CD: torch.Tensor | None) -> None:
        """Takes it back."""
        self._before_CD = before_CD
