"""A head's outputs → class logits where they are not one each, and an output of its own for a class without."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class OutputsOfClasses(nn.Module):
    """Several outputs mean one class, one output means several, or none."""

    def __init__(self, outputs_of_class: Sequence[Sequence[tuple[int, float]]], n_outputs: int) -> None:
        super().__init__()
        self._used = sorted({n for outputs in outputs_of_class for n, _ in outputs})
        self.leaves_out = len(self._used) < n_outputs
        self._outputs = [[n for n, _ in outputs] for outputs in outputs_of_class]
        self._is_shared = [any(share != 1 for _, share in outputs) for outputs in outputs_of_class]
        for place, outputs in enumerate(outputs_of_class):
            # No part of a checkpoint: the config says them.
            logs = torch.tensor([share for _, share in outputs], dtype=torch.float64).log().float()
            self.register_buffer(f"log_shares_{place}", logs, persistent=False)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        r"""Shape (..., O) → (..., C)::

            z_c = log sum_o share_oc exp(z_o)

        so that softmax gives what the outputs' own probabilities give when they are shared out, added up, and made to
        sum to 1 over what is left.
        """
        return torch.stack([self._sum(logits, place) for place in range(len(self._outputs))], dim=-1)

    def mapped(self, logits: torch.Tensor) -> torch.Tensor:
        """The mass on outputs that mean some class, shape (..., O) → (...)."""
        mass: torch.Tensor = logits.softmax(dim=-1)[..., self._used].sum(dim=-1)
        return mass

    def _sum(self, logits: torch.Tensor, place: int) -> torch.Tensor:
        own = logits[..., self._outputs[place]]
        if self._is_shared[place]:
            own = own + self.get_buffer(f"log_shares_{place}")
        return own.logsumexp(dim=-1)
