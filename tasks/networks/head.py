"""The trainable part: weighted sum of layers, standardisation, two linear layers, and dropout by explicit masks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from tasks.networks.config import ClassifierConfig


@dataclass(frozen=True)
class Masks:
    """Inverted-dropout masks (0 or 1 / keep) for K passes: before the first and before the second linear layer."""

    pooled_NKD: torch.Tensor
    hidden_NKH: torch.Tensor


class Head(nn.Module):
    """Per-layer time means of a frozen encoder → class logits.

    The SUPERB emotion recipe with the mean over time taken first: it commutes with the weighted sum of layers, so
    stored means are all that is needed, and dropout noise does not average out over frames.
    """

    mean_LD: torch.Tensor
    std_LD: torch.Tensor

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        shape = (config.n_layers, config.dim)
        self.dropout = config.dropout
        self.register_buffer("mean_LD", torch.zeros(shape))
        self.register_buffer("std_LD", torch.ones(shape))
        self.layer_scores = nn.Parameter(torch.zeros(config.n_layers))
        self.to_hidden = nn.Linear(config.dim, config.hidden)
        self.to_logits = nn.Linear(config.hidden, len(config.classes))

    def standardise_by(self, features_NLD: torch.Tensor) -> None:
        """Takes mean and standard deviation per feature from these clips."""
        self.mean_LD.copy_(features_NLD.mean(dim=0))
        self.std_LD.copy_(features_NLD.std(dim=0, unbiased=False).clamp(min=1e-5))

    def forward(self, features_NLD: torch.Tensor, masks: Masks | None = None) -> torch.Tensor:
        """Logits: (N, C) without dropout, (N, K, C) with the masks of K passes."""
        standard_NLD = (features_NLD - self.mean_LD) / self.std_LD
        pooled = torch.einsum("l,nld->nd", self.layer_scores.softmax(dim=0), standard_NLD)
        if masks is not None:
            pooled = pooled[:, None] * masks.pooled_NKD
        hidden = self.to_hidden(pooled).relu()
        return self.to_logits(hidden if masks is None else hidden * masks.hidden_NKH)

    def draw_masks(self, n: int, k: int, generator: torch.Generator) -> Masks:
        """Fresh masks for K passes over N clips from the generator."""

        def mask(size: int) -> torch.Tensor:
            keep = 1.0 - self.dropout
            return torch.empty(n, k, size).bernoulli_(keep, generator=generator).div_(keep)

        return Masks(mask(self.to_hidden.in_features), mask(self.to_logits.in_features))
