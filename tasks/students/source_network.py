"""The network that `mifuse train-source` trains: a head, and below it stored features or an encoder in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

from tasks.encoders.base import Frames
from tasks.encoders.features import Features
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head, Masks
from tasks.networks.label_signal_start import start_at_words
from tasks.networks.late_fusion import LateFusion, Named
from tasks.networks.statistics import Statistics

Weights = list[torch.Tensor]


class Hearing(Protocol):
    """What gives the head something to hear of the source's clips."""

    device: torch.device  # where the head works too
    is_float16: bool  # then gradients pass through half precision, where small ones would become 0

    def trained(self) -> list[nn.Parameter]:
        """The weights that training changes; none where features are stored."""
        ...

    def rows(self, rows_B: Sequence[int], dropout: tuple[int, int] | None) -> Frames:
        """The clips at these places; `dropout`: seed and draw number of the masks inside an encoder, None: off."""
        ...


class Stored:
    """Keeps `Hearing`: the features of an encoder that stays as it is, which therefore has no dropout in training."""

    is_float16 = False

    def __init__(self, features: Features, device: torch.device) -> None:
        self._features, self.device = features, device

    def trained(self) -> list[nn.Parameter]:
        """None."""
        return []

    def rows(self, rows_B: Sequence[int], dropout: tuple[int, int] | None) -> Frames:
        """Keeps `Hearing.rows`."""
        return self._features.rows(rows_B).to(self.device)


class Network:
    """Clips in, logits out."""

    def __init__(self, head: Head, hearing: Hearing) -> None:
        self.head, self.hearing = head.to(hearing.device), hearing

    def parameter_groups(self, head_rate: float, encoder_rate: float) -> list[dict[str, Any]]:
        """For the optimiser: a pretrained encoder is to change far more slowly than a head that starts from nothing."""
        groups: list[dict[str, Any]] = [{"params": list(self.head.parameters()), "lr": head_rate}]
        if trained := self.hearing.trained():
            groups.append({"params": trained, "lr": encoder_rate})
        return groups

    def parameters(self) -> list[nn.Parameter]:
        """All that training changes."""
        return [*self.head.parameters(), *self.hearing.trained()]

    def weights(self) -> Weights:
        """Copies of them, on the CPU."""
        return [parameter.detach().cpu().clone() for parameter in self.parameters()]

    @torch.no_grad()
    def set_weights(self, weights: Weights) -> None:
        """Takes such copies back."""
        for parameter, kept in zip(self.parameters(), weights, strict=True):
            parameter.copy_(kept)

    def logits(
        self, rows_B: Sequence[int], dropout: tuple[int, int], generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, C), with dropout: seed and draw key the encoder's masks, the generator draws the head's.

        And the vectors that they are made from, before the head's dropout: (B, D).
        """
        drawn = self.head.draw_masks(len(rows_B), 1, generator)
        masks = Masks(drawn.pooled_NKD.to(self.hearing.device), drawn.hidden_NKH.to(self.hearing.device))
        heard = self.hearing.rows(rows_B, dropout)
        pooled_BD = self.head.pooled(heard)
        return self.head.logits(self.head.hidden(heard, masks, pooled_BD), masks)[:, 0], pooled_BD

    @torch.inference_mode()
    def sure_logits(self, rows_B: Sequence[int]) -> torch.Tensor:
        """(B, C), without dropout."""
        logits_BC: torch.Tensor = self.head(self.hearing.rows(rows_B, None))
        return logits_BC


def new_head(config: ClassifierConfig, statistics: Statistics, seed: int, named: Named | None = None) -> Head:
    """A head with random weights that standardises by the statistics; `named`: see `LateFusion.name_classes`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # the layers' initial weights have no generator of their own
        head = Head(config)
    head.standardise_by(statistics)
    start_at_words(head, seed)
    if isinstance(head.pooling, LateFusion) and named is not None:
        head.pooling.name_classes(*named)
    return head
