"""The networks of all members, trained side by side in one batched computation, whatever each one hears.

A member is an MLP over the concatenation of what it hears. Members of one input width could be stacked and run by
`torch.func.vmap`; but widths differ by representation, so that there are many stacks of few members, and padding all to
one width multiplies by zeros most of the time. A linear layer over a concatenation is a sum over its parts, though::

    W [x_1, x_2] = W_1 x_1 + W_2 x_2

So the first layer is computed representation by representation, for all its listeners in one matrix product with the
same input and without any padding, and added up by member; the layers after that have the same shape in all members.
`bench/cohort_speed.py` compares the ways.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from tasks.students.cohorts.members import Member

HIDDEN = (128, 64)


class Stack(nn.Module):
    """M members side by side, hidden layers of 128 and 64 units with ReLU.

    Args:
        members: Whose networks; one begins with the same weights whoever else is here.
        widths: Of all representations, in the order of the members' places.
        n_outputs: Of each network.
        seed: Of the first weights.
    """

    def __init__(self, members: Sequence[Member], widths: Sequence[int], n_outputs: int, seed: int) -> None:
        super().__init__()
        drawn = [_drawn(member, widths, n_outputs, seed) for member in members]
        self.first = nn.ParameterList()  # of each representation: (D, its listeners, H)
        for place, width in enumerate(widths):
            of = [m for m, member in enumerate(members) if place in member.places]
            parts = [drawn[m].first[members[m].places.index(place)] for m in of]
            self.first.append(nn.Parameter(torch.stack(parts, dim=1) if parts else torch.zeros(width, 0, HIDDEN[0])))
            self.register_buffer(f"_listeners_{place}", torch.tensor(of, dtype=torch.long), persistent=False)
        self.first_bias_MH = nn.Parameter(torch.stack([each.first_bias for each in drawn]))
        self.second_MHH = nn.Parameter(torch.stack([each.second for each in drawn]))
        self.second_bias_M1H = nn.Parameter(torch.stack([each.second_bias for each in drawn])[:, None])
        self.last_MHC = nn.Parameter(torch.stack([each.last for each in drawn]))
        self.last_bias_M1C = nn.Parameter(torch.stack([each.last_bias for each in drawn])[:, None])

    def forward(self, values: Sequence[torch.Tensor]) -> torch.Tensor:
        """What all representations say of B rows, each (B, D) → outputs, shape (M, B, C)."""
        hidden_BMH = self.first_bias_MH.repeat(len(values[0]), 1, 1)
        for values_BD, weights_DLH, of in zip(values, self.first, self._listeners(), strict=True):
            if len(of):
                part_BLH = (values_BD @ weights_DLH.flatten(1)).view(len(values_BD), *weights_DLH.shape[1:])
                hidden_BMH.index_add_(1, of, part_BLH)  # in place, as ReLU below: what costs here is fresh memory
        hidden_MBH = hidden_BMH.relu_().transpose(0, 1)
        hidden_MBH = torch.baddbmm(self.second_bias_M1H, hidden_MBH, self.second_MHH).relu_()
        return torch.baddbmm(self.last_bias_M1C, hidden_MBH, self.last_MHC)

    @torch.no_grad()
    def take(self, other: Stack, which_M: torch.Tensor) -> None:
        """These members' weights from another stack of the same members."""
        for own_DLH, theirs_DLH, of in zip(self.first, other.first, self._listeners(), strict=True):
            own_DLH[:, which_M[of]] = theirs_DLH[:, which_M[of]]
        for name, own in self.named_parameters(recurse=False):
            own[which_M] = other.get_parameter(name)[which_M]

    def _listeners(self) -> list[torch.Tensor]:
        """Of each representation: who hears it."""
        return [self.get_buffer(f"_listeners_{place}") for place in range(len(self.first))]


@dataclass(frozen=True)
class _Drawn:
    """One member's weights at the start; `first` by representation."""

    first: list[torch.Tensor]
    first_bias: torch.Tensor
    second: torch.Tensor
    second_bias: torch.Tensor
    last: torch.Tensor
    last_bias: torch.Tensor


def _drawn(member: Member, widths: Sequence[int], n_outputs: int, seed: int) -> _Drawn:
    """Uniform within ± 1 / √(inputs), as `nn.Linear` begins; seed and name decide, not the place in the cohort."""
    digest = hashlib.sha256(f"{seed} {member.name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:4]))
    mine = [widths[place] for place in member.places]

    def layer(n_in: int, n_out: int) -> tuple[torch.Tensor, torch.Tensor]:
        weights, bias = (torch.rand(size, generator=generator) * 2 - 1 for size in ((n_in, n_out), (n_out,)))
        return weights / n_in**0.5, bias / n_in**0.5

    (first, first_bias), second, last = layer(sum(mine), HIDDEN[0]), layer(*HIDDEN), layer(HIDDEN[1], n_outputs)
    return _Drawn(list(first.split(mine)), first_bias, *second, *last)
