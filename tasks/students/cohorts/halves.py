"""A cohort's networks as two stacks, each computed by a thread of its own.

Threads within a matrix product, as torch has them, wait for each other by spinning: with two threads a step took ten
times as long on a machine whose cores were busy with something else. Two stacks need each other only once in a step.
There are two whatever the machine has, so that results depend on no number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import nn

from tasks.students.cohorts.members import Member
from tasks.students.cohorts.stack import Stack

T = TypeVar("T")


class Halves(nn.Module):
    """All members, in their order; arguments as of `Stack`."""

    def __init__(self, members: Sequence[Member], widths: Sequence[int], n_outputs: int, seed: int) -> None:
        super().__init__()
        self._of = [torch.tensor(half) for half in _halves([sum(widths[p] for p in m.places) for m in members])]
        self._order_M = torch.cat(self._of).argsort()
        self.stacks = nn.ModuleList(
            Stack([members[m] for m in half.tolist()], widths, n_outputs, seed) for half in self._of
        )
        self._pool = ThreadPoolExecutor(len(self._of), thread_name_prefix="cohort")

    def optimisers(self, learning_rate: float) -> list[torch.optim.Optimizer]:
        """Adam for each half."""
        return [torch.optim.Adam(stack.parameters(), lr=learning_rate, fused=True) for stack in self.stacks]

    def forward(self, values: Sequence[torch.Tensor]) -> torch.Tensor:
        """Shape (M, B, C), as of `Stack.forward`."""
        return self._joined(self._at_once(lambda half: self._heard(half, values)))

    def descend(
        self,
        values: Sequence[torch.Tensor],
        losses: Callable[[torch.Tensor], torch.Tensor],
        optimisers: Sequence[torch.optim.Optimizer],
    ) -> torch.Tensor:
        """One step of every member down its own loss.

        Args:
            values: What B rows are.
            losses: All members' outputs (M, B, C) → losses (M,); no member's loss may reach another's outputs.
            optimisers: Of `optimisers`.

        Returns:
            The losses.
        """
        parts = self._at_once(lambda half: self._heard(half, values))
        outputs_MBC = self._joined([part.detach() for part in parts]).requires_grad_()
        loss_M = losses(outputs_MBC)
        (gradient_MBC,) = torch.autograd.grad(loss_M.sum(), outputs_MBC)

        def step(half: int) -> None:
            optimisers[half].zero_grad()
            parts[half].backward(gradient_MBC[self._of[half]])
            optimisers[half].step()

        self._at_once(step)
        return loss_M.detach()

    def take(self, other: Halves, which_M: torch.Tensor) -> None:
        """These members' weights from others' of the same shape."""
        for own, theirs, half in zip(self.stacks, other.stacks, self._of, strict=True):
            own.take(theirs, which_M[half])  # type: ignore[operator]

    def _heard(self, half: int, values: Sequence[torch.Tensor]) -> torch.Tensor:
        outputs_MBC: torch.Tensor = self.stacks[half](values)
        return outputs_MBC

    def _joined(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(parts))[self._order_M]

    def _at_once(self, work: Callable[[int], T]) -> list[T]:
        gradients = torch.is_grad_enabled()  # a thread does not know of it

        def run(half: int) -> T:
            with torch.set_grad_enabled(gradients):
                return work(half)

        return list(self._pool.map(run, range(len(self._of))))


def _halves(widths: Sequence[int]) -> list[list[int]]:
    """Members by input width, dealt out so that both halves have about as much to do; one half where there is one.

    >>> _halves([900, 500, 400, 100])
    [[0, 3], [1, 2]]
    >>> _halves([7])
    [[0]]
    """
    order = sorted(range(len(widths)), key=lambda m: -widths[m])
    halves = [[m for n, m in enumerate(order) if n % 4 in dealt] for dealt in ((0, 3), (1, 2))]
    return [sorted(half) for half in halves if half]
