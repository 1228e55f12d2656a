"""Which clips a cohort is judged by: other speakers than those that it learns from, where it is known who speaks."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tasks.students.chance import FIRST_FREE_STREAM, Chance

_HELD_OUT = FIRST_FREE_STREAM + 2
_SHARE = 0.2
_LEAST = 0.1  # fewer say nothing, such as one clip of an unknown speaker beside two who are half of the folder each
_MOST = 0.4  # one speaker may be half of the folder


def split(n: int, speakers: Sequence[str | None] | None, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Places of the clips to learn from, and of about a fifth to choose by; each at least one.

    Whole speakers are held out while that leaves out neither too few clips nor too many; else clips, whoever speaks.
    A clip of an unknown speaker counts as a speaker of its own.

    Args:
        n: How many clips, at least 2.
        speakers: Of each clip; None: not known of any.
        seed: Of which ones; what speakers are called does not matter.

    >>> learnt, held = split(10, ["ann"] * 5 + ["ben"] * 2 + ["cem"] * 3, seed=0)
    >>> held.tolist()
    [5, 6]
    """
    generator = Chance(seed).generator(_HELD_OUT, 0)
    by_speaker = _groups(n, speakers)
    found = _filled([by_speaker[place] for place in torch.randperm(len(by_speaker), generator=generator).tolist()], n)
    if not found or len(found) < _LEAST * n:
        found = torch.randperm(n, generator=generator).tolist()[: max(1, round(_SHARE * n))]
    held = torch.zeros(n, dtype=torch.bool)
    held[found] = True
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


def _groups(n: int, speakers: Sequence[str | None] | None) -> list[list[int]]:
    groups: dict[str | int, list[int]] = {}
    for row, name in enumerate(speakers or [None] * n):
        groups.setdefault(row if name is None else name, []).append(row)
    return list(groups.values())


def _filled(groups: Sequence[Sequence[int]], n: int) -> list[int]:
    """The first groups that fit until a fifth is full; nothing where none fits."""
    found: list[int] = []
    for group in groups:
        if len(found) < round(_SHARE * n) and len(found) + len(group) <= _MOST * n:
            found += group
    return found
