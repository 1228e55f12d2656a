"""A cohort's networks as two stacks, one computed by the caller's thread, the other by a thread beside it.

Torch's own threads share out each matrix product and wait for each other by spinning: on a machine whose cores are busy
with something else a step took ten times as long. Two stacks need each other twice in a step. There are two whatever
the machine has, and each is computed by one thread, so that results depend on no number of cores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import nn

from tasks.students.cohorts.members import Member
from tasks.students.cohorts.stack import Stack

T = TypeVar("T")


class Halves(nn.Module):
    """All members, in their order; arguments as of `Stack`. The caller sets its own thread to `one_thread`."""

    def __init__(self, members: Sequence[Member], widths: Sequence[int], n_outputs: int, seed: int) -> None:
        super().__init__()
        halves = _halves([member.places for member in members], widths)
        self._members = [torch.tensor(half) for half in halves]
        self._order_M = torch.cat(self._members).argsort()
        stacks = [Stack([members[m] for m in half], widths, n_outputs, seed) for half in halves]
        self.stacks = nn.ModuleList(stacks)
        # Told at its start: two threads that torch readied in the middle of their first products gave other last bits.
        self._beside = ThreadPoolExecutor(1, "cohort", initializer=torch.set_num_threads, initargs=(1,))

    def optimisers(self, learning_rate: float) -> list[torch.optim.Optimizer]:
        """Adam for each half."""
        return [torch.optim.Adam(stack.parameters(), lr=learning_rate, fused=True) for stack in self.stacks]

    def forward(self, values: Sequence[torch.Tensor]) -> torch.Tensor:
        """Shape (M, B, C), as of `Stack.forward`."""
        return self._joined(self._heard(values))

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
        parts = self._heard(values)
        outputs_MBC = self._joined([part.detach() for part in parts]).requires_grad_()
        loss_M = losses(outputs_MBC)
        (gradient_MBC,) = torch.autograd.grad(loss_M.sum(), outputs_MBC)

        def step(half: int) -> None:
            optimisers[half].zero_grad()
            parts[half].backward(gradient_MBC[self._members[half]])
            optimisers[half].step()

        self._at_once(step)
        return loss_M.detach()

    def take(self, other: Halves, which_M: torch.Tensor) -> None:
        """These members' weights from others' of the same shape."""
        for own, theirs, half in zip(self.stacks, other.stacks, self._members, strict=True):
            own.take(theirs, which_M[half])  # type: ignore[operator]

    def _heard(self, values: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        def hear(half: int) -> torch.Tensor:
            outputs_MBC: torch.Tensor = self.stacks[half](values)
            return outputs_MBC

        return self._at_once(hear)

    def _joined(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(parts))[self._order_M]

    def _at_once(self, work: Callable[[int], T]) -> list[T]:
        """What both halves' work gives; both have ended, also where one of them fails."""
        gradients = torch.is_grad_enabled()  # another thread does not know of it

        def beside(half: int) -> T:
            with torch.set_grad_enabled(gradients):
                return work(half)

        others = [self._beside.submit(beside, half) for half in range(1, len(self.stacks))]
        try:
            own = work(0)
        finally:
            ended = [other.exception() for other in others]
        for error in ended:
            if error is not None:
                raise error
        return [own, *(other.result() for other in others)]


def _halves(places: Sequence[Sequence[int]], widths: Sequence[int]) -> list[list[int]]:
    """Which members are in which half; both have about as much to do. One half where there is nothing to share.

    Members whose first representation is the same stay together: what hears the same is computed in one product.

    >>> _halves([(0,), (1,), (0, 2), (1, 2)], widths=[10, 4, 3])
    [[0, 2], [1, 3]]
    >>> _halves([(0,)], widths=[10])
    [[0]]
    """
    groups: dict[int, list[int]] = defaultdict(list)
    for m, hears in enumerate(places):
        groups[hears[0]].append(m)
    loads = {first: sum(widths[place] for m in group for place in places[m]) for first, group in groups.items()}
    halves: list[list[int]] = [[], []]
    done = [0, 0]
    for first in sorted(groups, key=lambda first: (-loads[first], first)):
        half = done.index(min(done))
        halves[half] += groups[first]
        done[half] += loads[first]
    return [sorted(half) for half in halves if half]
