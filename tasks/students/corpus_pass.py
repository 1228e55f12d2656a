"""What a head makes of all clips, without dropout: a batch at a time, since their frames may not fit into memory."""

from __future__ import annotations

import torch

from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.faults import check_heard


@torch.no_grad()
def pass_over_all(head: Head, data: TrainingData, batch_size: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the last layer hears of each clip, shape (N, H), and class logits, shape (N, C).

    Raises:
        TrainingError: Features that are not finite; one such clip would spoil all centroids and all neighbours.
    """
    hidden, logits = [], []
    for rows_B in torch.arange(len(data)).split(batch_size):
        heard = data.features.rows(rows_B.tolist()).to("cpu")
        check_heard(heard, rows_B, data.names, step)
        hidden_BH = head.hidden(heard)
        hidden.append(hidden_BH)
        logits.append(head.logits(hidden_BH))
    return torch.cat(hidden), torch.cat(logits)
