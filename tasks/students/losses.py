"""The parts of the students' losses: equation 6 of `docs/method.md`, and APC of `docs/label-signals.md`."""

from __future__ import annotations

import torch
from torch.nn.functional import cosine_similarity

from tasks.maths.distributions import jensen_shannon


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


def label_scores(pooled_ND: torch.Tensor, labels_CD: torch.Tensor, temperature: float) -> torch.Tensor:
    r"""How near a clip's vector points to each class's embedding, ``cos(h_n, L_c) / tau``, shape (N, C).

    Cosines lie within [-1, 1]: at tau = 1 and four classes the softmax of them is at most e^2 / (e^2 + 3) = .71, and
    nearly uniform where vectors of many dimensions point anywhere.

    >>> label_scores(torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, 0.0], [-2.0, 0.0]]), 0.5).tolist()
    [[2.0, -2.0]]
    """
    return cosine_similarity(pooled_ND[:, None], labels_CD, dim=-1) / temperature


def label_consistency(logits_NC: torch.Tensor, scores_NC: torch.Tensor) -> torch.Tensor:
    r"""APC: the mean over the clips of ``JSD(softmax(logits_n), softmax(scores_n))``, within [0, log 2] nats.

    Both are moved: what the last layer says, and where vectors and embeddings lie (arXiv:2504.05158).

    >>> label_consistency(torch.tensor([[90.0, 0.0]]), torch.tensor([[0.0, 90.0]])).item()  # log 2
    0.6931471824645996
    """
    apart: torch.Tensor = jensen_shannon(logits_NC.softmax(dim=-1), scores_NC.softmax(dim=-1)).mean()
    return apart
