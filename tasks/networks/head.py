"""The trainable part: weighted sum of layers, standardisation, two linear layers, and dropout by explicit masks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from tasks.contracts.class_map import MOST_UNMAPPED
from tasks.contracts.errors import CheckpointError
from tasks.encoders.base import Frames
from tasks.maths.masks import masks_of
from tasks.networks.config import ClassifierConfig
from tasks.networks.outputs import OutputsOfClasses
from tasks.networks.pooling import AttentiveStatistics, Pooling
from tasks.networks.statistics import Statistics


@dataclass(frozen=True)
class Masks:
    """Inverted-dropout masks (0 or 1 / keep) for K passes: before the first and before the second linear layer."""

    pooled_NKD: torch.Tensor
    hidden_NKH: torch.Tensor


class Head(nn.Module):
    """What an encoder's layers made of a clip → class logits.

    The SUPERB emotion recipe. With mean pooling the mean over time is taken first: it commutes with the weighted sum
    of layers, so stored means are all that is needed. Dropout sits on the pooled vector, so that its noise does not
    average out over frames and pooling is done once however many passes there are.
    """

    mean_LD: torch.Tensor
    std_LD: torch.Tensor
    layer_scores: nn.Parameter | None
    pooling: Pooling | None

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        shape = (config.n_layers, config.dim)
        self.dropout = config.dropout
        self.register_buffer("mean_LD", torch.zeros(shape))
        self.register_buffer("std_LD", torch.ones(shape))
        scores_L = nn.Parameter(torch.zeros(config.n_layers)) if config.layers == "weighted" else None
        self.register_parameter("layer_scores", scores_L)
        pooling = _pooling_of(config)
        self.to_hidden = nn.Linear(config.dim if pooling is None else pooling.size, config.hidden)
        self.to_logits = nn.Linear(config.hidden, config.n_outputs)
        self.pooling = pooling
        self._relu = config.activation == "relu"
        outputs_of_class = config.outputs_of_class()
        self.by_class = None if outputs_of_class is None else OutputsOfClasses(outputs_of_class, config.n_outputs)

    def standardise_by(self, statistics: Statistics) -> None:
        """Takes mean and standard deviation per feature from there.

        Raises:
            CheckpointError: They are of another encoder.
        """
        if statistics.mean_LD.shape != self.mean_LD.shape:
            raise CheckpointError(
                f"the statistics are of {tuple(statistics.mean_LD.shape)} layers and features, those of the "
                f"classifier's encoder of {tuple(self.mean_LD.shape)}. Estimate them again with this encoder."
            )
        self.mean_LD.copy_(statistics.mean_LD)
        self.std_LD.copy_(statistics.std_LD)

    def forward(self, heard: Frames, masks: Masks | None = None) -> torch.Tensor:
        """Logits: (N, C) without dropout, (N, K, C) with the masks of K passes."""
        return self.logits(self.hidden(heard, masks), masks)

    def hidden(self, heard: Frames, masks: Masks | None = None, pooled: torch.Tensor | None = None) -> torch.Tensor:
        """What the last linear layer hears, before its dropout: (N, H) without dropout, (N, K, H) with masks.

        Args:
            heard: Of N clips.
            masks: Of K passes.
            pooled: What `pooled` gave of the same clips, where that is wanted too.
        """
        pooled = self.pooled(heard) if pooled is None else pooled
        if masks is not None:
            pooled = pooled[:, None] * masks.pooled_NKD
        hidden = self.to_hidden(pooled)
        return hidden.relu() if self._relu else hidden

    def logits(self, hidden: torch.Tensor, masks: Masks | None = None) -> torch.Tensor:
        """Of what `hidden` gave, with the same masks."""
        logits: torch.Tensor = self.to_logits(hidden if masks is None else hidden * masks.hidden_NKH)
        return logits if self.by_class is None else self.by_class(logits)

    def answers(self, hidden: torch.Tensor, masks: Masks | None = None) -> torch.Tensor:
        """Whether a pass leaves enough to the classes, boolean, (N,) or (N, K); see `ClassMap`."""
        if self.by_class is None or not self.by_class.leaves_out:
            return torch.ones(hidden.shape[:-1], dtype=torch.bool, device=hidden.device)
        outputs = self.to_logits(hidden if masks is None else hidden * masks.hidden_NKH)
        return self.by_class.mapped(outputs) >= 1 - MOST_UNMAPPED

    def pooled(self, heard: Frames) -> torch.Tensor:
        """One vector a clip, before its dropout: (N, D)."""
        if self.pooling is None:
            return self._sum_of_layers(heard.means_BLD()[:, :, None])[:, 0]
        return self.pooling(self._sum_of_layers(heard.values_BLTD), heard)

    def _sum_of_layers(self, values_BLTD: torch.Tensor) -> torch.Tensor:
        """Standardised, shape (B, T, D)."""
        if self.layer_scores is None:
            return (values_BLTD[:, -1] - self.mean_LD[-1]) / self.std_LD[-1]
        standard_BLTD = (values_BLTD - self.mean_LD[:, None]) / self.std_LD[:, None]
        if len(self.layer_scores) == 1:
            return standard_BLTD[:, 0]  # its weight is 1 whatever its score: a tenth of a training step saved
        return torch.einsum("l,bltd->btd", self.layer_scores.softmax(dim=0), standard_BLTD)

    def draw_masks(self, n: int, k: int, generator: torch.Generator) -> Masks:
        """Fresh masks for K passes over N clips from the generator."""

        def mask(size: int) -> torch.Tensor:
            keep = 1.0 - self.dropout
            return torch.empty(n, k, size).bernoulli_(keep, generator=generator).div_(keep)

        return Masks(mask(self.to_hidden.in_features), mask(self.to_logits.in_features))

    def keyed_masks(self, keys_NK: torch.Tensor) -> Masks:
        """Masks that the keys alone decide, whatever else is in the batch: see `tasks.maths.masks.draw_keys`."""
        sizes = (self.to_hidden.in_features, self.to_logits.in_features)
        # Both in one go: with few passes the calls cost more than the numbers.
        return Masks(*masks_of(keys_NK, sum(sizes), self.dropout, layer=0).split(sizes, dim=-1))


def _pooling_of(config: ClassifierConfig) -> Pooling | None:
    """None: the mean over time."""
    if isinstance(config.pooling, str):
        return AttentiveStatistics(config.dim) if config.pooling == "attentive" else None
    return config.pooling.build(config)
