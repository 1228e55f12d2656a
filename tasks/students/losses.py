"""The two parts of the student's loss: equation 6 of `docs/method.md`."""

from __future__ import annotations

import torch


def soft_cross_entropy(logits_NC: torch.Tensor, target_NC: torch.Tensor) -> torch.Tensor:
    r"""Mean over the clips of ``- sum_c target_nc log softmax(logits_n)_c``, nats.

    >>> soft_cross_entropy(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]])).item()  # log 2
    0.6931471824645996
    """
    return -(target_NC * logits_NC.log_softmax(dim=-1)).sum(dim=-1).mean()


def diversity(logits_NC: torch.Tensor) -> torch.Tensor:
    r"""Negative entropy of the batch's mean prediction, within [-log C, 0] nats.

    Lowest when the classes are predicted equally often over the batch: keeps the student from falling into one class.
    Part of SHOT's loss (Liang et al. 2020, arXiv:2002.08546).

    >>> diversity(torch.zeros(3, 2)).item()
    -0.6931471824645996
    """
    mean_C = logits_NC.softmax(dim=-1).mean(dim=0)
    return (mean_C * mean_C.clamp(min=1e-12).log()).sum()
