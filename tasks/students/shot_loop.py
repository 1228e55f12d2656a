"""What SHOT minimises; settings are in `shot.py`."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import normalize, one_hot

from tasks.encoders.base import Frames
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.certainty import mean_entropy
from tasks.students.corpus_pass import pass_over_all
from tasks.students.losses import diversity, soft_cross_entropy
from tasks.students.objective import Moment

_LABEL_WEIGHT = 0.3


class SHOTObjective:
    r"""Sure predictions, evenly spread, that agree with the clusters::

        L = E[ H(p) ] - H( mean p ) + 0.3 CE(y, p)

    Liang et al. 2020 (arXiv:2002.08546), equations 3 to 7. Features are what the head's last layer hears, and that
    layer, the classifier, is frozen; theirs is weight-normalised and hears a batch-normalised bottleneck.
    """

    def __init__(self, head: Head, data: TrainingData, batch_size: int) -> None:
        self._head, self._data, self._batch_size = head, data, batch_size
        head.to_logits.requires_grad_(False)
        self._labels_NC: torch.Tensor | None = None
        self._labels_of = -1
        self._target_BC: torch.Tensor | None = None

    def begin(self, step: int, epoch: int, rows_B: torch.Tensor, heard: Frames) -> None:
        """Labels from the clusters, anew for each epoch."""
        if self._labels_of != epoch:
            hidden_NH, logits_NC = pass_over_all(self._head, self._data, self._batch_size, step)
            self._labels_NC = cluster_labels(hidden_NH, logits_NC.softmax(dim=-1))
            self._labels_of = epoch
        assert self._labels_NC is not None
        self._target_BC = self._labels_NC[rows_B]

    def parts(self, at: Moment) -> dict[str, torch.Tensor]:
        """See `Objective`."""
        assert self._target_BC is not None
        return {
            "ce": _LABEL_WEIGHT * soft_cross_entropy(at.logits_BC, self._target_BC),
            "entropy": mean_entropy(at.logits_BC),
            "div": diversity(at.logits_BC),
        }

    def learned(self) -> None:
        """Nothing follows the student."""

    def target_BC(self) -> torch.Tensor | None:
        """See `Objective`."""
        return self._target_BC

    def teacher_BC(self) -> torch.Tensor | None:
        """No teacher moves."""
        return None

    def state(self) -> dict[str, Any]:
        """See `Objective`. The epoch's first student, who made the labels, is gone inside the epoch."""
        return {"labels": self._labels_NC, "labels_of": self._labels_of}

    def restore(self, state: dict[str, Any]) -> None:
        """See `Objective`."""
        self._labels_NC, self._labels_of = state["labels"], state["labels_of"]


def cluster_labels(features_NH: torch.Tensor, probs_NC: torch.Tensor) -> torch.Tensor:
    """One-hot labels by the nearest class centroid in cosine, shape (N, C).

    The centroids are means of all clips weighted by the class's probability; then once more, means of the clips
    that were given to the class. A class that no clip is predicted as gets none.
    """
    named_C = one_hot(probs_NC.argmax(dim=-1), probs_NC.shape[-1]).any(dim=0)
    labels_NC = _nearest(features_NH, probs_NC, named_C)
    return _nearest(features_NH, labels_NC, named_C & labels_NC.any(dim=0))


def _nearest(features_NH: torch.Tensor, weights_NC: torch.Tensor, named_C: torch.Tensor) -> torch.Tensor:
    # Neither the length of a centroid nor that of a clip's features matters to the cosine.
    centroids_CH = normalize(weights_NC.T @ features_NH, dim=-1)
    cosines_NC = normalize(features_NH, dim=-1) @ centroids_CH.T
    nearest_N = cosines_NC.masked_fill(~named_C, -torch.inf).argmax(dim=-1)
    return one_hot(nearest_N, weights_NC.shape[-1]).to(features_NH.dtype)
