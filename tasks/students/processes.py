"""The processes that train one student together: each holds all of it and works on its share of each batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import nn


class Processes(Protocol):
    """This process among the others."""

    rank: int  # 0 is the one that writes
    count: int
    device: str | None  # this one's own; None: as the settings say

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in each of them to the same bits; each must ask for it."""
        ...


class Alone:
    """Keeps `Processes` where there is only one."""

    rank, count = 0, 1
    device: str | None = None

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Keeps `Processes.total`."""
        return values


class Launched:
    """Keeps `Processes` under `accelerate launch`.

    Args:
        state: accelerate's `PartialState`, which has found the others.
    """

    def __init__(self, state: Any) -> None:
        self.rank: int = state.process_index
        self.count: int = state.num_processes
        self.device: str | None = str(state.device)

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Keeps `Processes.total`; what the processes talk through may know only their own devices' tensors."""
        sent = values.detach().to(self.device, copy=True)
        torch.distributed.all_reduce(sent)
        return sent.to(values.device)


def total_gradients(processes: Processes, parameters: Iterable[nn.Parameter]) -> None:
    """Sums each parameter's gradient over the processes, some of which may have had no clip in this step."""
    if processes.count == 1:
        return
    trained = list(parameters)
    reached = processes.total(torch.tensor([float(parameter.grad is not None) for parameter in trained])) > 0
    # What no process reached keeps no gradient at all: to AdamW a gradient of 0 still means weight decay.
    reached_by_any = [parameter for parameter, is_reached in zip(trained, reached.tolist(), strict=True) if is_reached]
    own = [torch.zeros_like(p) if p.grad is None else p.grad for p in reached_by_any]
    summed = processes.total(torch.cat([gradient.flatten() for gradient in own]))
    parts = summed.split([gradient.numel() for gradient in own])
    for parameter, part in zip(reached_by_any, parts, strict=True):
        parameter.grad = part.view_as(parameter).clone()
