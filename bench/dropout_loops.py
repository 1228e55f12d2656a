"""The two usual ways to make MC dropout passes of a speech encoder, for `bench.classifier` to compare with.

Written from how they are described and used; no code of others is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Wave = NDArray[np.float32]


def padded(waves: Sequence[Wave]) -> tuple[torch.Tensor, torch.Tensor]:
    """Waves and mask, filled with zeros to the longest."""
    lengths_B = torch.tensor([len(wave) for wave in waves])
    input_BS = torch.zeros(len(waves), int(lengths_B.max()))
    for row, wave in enumerate(waves):
        input_BS[row, : len(wave)] = torch.from_numpy(wave)
    mask_BS = (torch.arange(input_BS.shape[1]) < lengths_B[:, None]).long()
    return input_BS, mask_BS


@torch.no_grad()
def loop(model: Any, head: torch.nn.Module, batches: Sequence[Sequence[Wave]], draws: int) -> list[torch.Tensor]:
    """`model.train()`, then K calls for each padded batch."""
    model.train()
    head.train()
    found = []
    for waves in batches:
        input_BS, mask_BS = padded(waves)
        found.append(torch.stack([_call(model, head, input_BS, mask_BS) for _ in range(draws)], dim=1))
    return found


@torch.no_grad()
def replicated(model: Any, head: torch.nn.Module, batches: Sequence[Sequence[Wave]], draws: int) -> list[torch.Tensor]:
    """The padded batch K times over in one call, as torch-uncertainty does it with `on_batch`."""
    model.train()
    head.train()
    found = []
    for waves in batches:
        input_BS, mask_BS = padded(waves)
        out = _call(model, head, input_BS.repeat(draws, 1), mask_BS.repeat(draws, 1))
        found.append(out.unflatten(0, (draws, len(waves))).transpose(0, 1))
    return found


def _call(model: Any, head: torch.nn.Module, input_BS: torch.Tensor, mask_BS: torch.Tensor) -> torch.Tensor:
    out = model(input_BS, attention_mask=mask_BS, output_hidden_states=True)
    pooled_BD = torch.stack([layer.mean(dim=1) for layer in out.hidden_states]).mean(dim=0)
    probs: torch.Tensor = head(pooled_BD).softmax(dim=-1)
    return probs
