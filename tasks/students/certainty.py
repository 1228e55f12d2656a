"""How sure the student is of each clip: the first half of SHOT's information maximisation."""

from __future__ import annotations

import torch


def mean_entropy(logits_NC: torch.Tensor) -> torch.Tensor:
    r"""Mean over the clips of the prediction's entropy, within [0, log C] nats.

    With `diversity` it makes up the loss of information maximisation (Liang et al. 2020, arXiv:2002.08546, eq. 3)::

        E_n[ - sum_c p_nc log p_nc ]

    >>> mean_entropy(torch.zeros(3, 2)).item()  # log 2
    0.6931471824645996
    """
    return -(logits_NC.softmax(dim=-1) * logits_NC.log_softmax(dim=-1)).sum(dim=-1).mean()
