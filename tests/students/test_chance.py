"""Random numbers that depend on seed, purpose, position and clip alone."""

import pytest
import torch

from tasks.networks.head import Head
from tasks.students.chance import Chance

ROWS = torch.tensor([7, 0, 3, 11])


def test_a_clips_masks_are_the_same_in_any_batch(head: Head) -> None:
    """So that two processes with half the batch each make the masks that one makes."""
    whole = head.keyed_masks(Chance(0).keys(1, 5, ROWS, draws=8))
    for half in (slice(0, 2), slice(2, 4)):
        part = head.keyed_masks(Chance(0).keys(1, 5, ROWS[half], draws=8))
        assert torch.equal(part.pooled_NKD, whole.pooled_NKD[half])
        assert torch.equal(part.hidden_NKH, whole.hidden_NKH[half])


def test_draws_that_are_added_leave_the_others_as_they_are() -> None:
    assert torch.equal(Chance(0).keys(1, 5, ROWS, draws=8)[:, :3], Chance(0).keys(1, 5, ROWS, draws=3))


def test_no_key_occurs_twice_over_seeds_streams_steps_clips_and_draws() -> None:
    keys = [
        Chance(seed).keys(stream, step, torch.arange(20), draws=4)
        for seed in (0, 1, 2**32, 2**40)
        for stream in (1, 2, 15)
        for step in range(20)
    ]
    assert torch.cat(keys).unique().numel() == 4 * 3 * 20 * 20 * 4


@pytest.mark.parametrize("seed", [0, 2**40])
def test_a_generator_depends_on_nothing_but_its_place(seed: int) -> None:
    first, again = (torch.rand(4, generator=Chance(seed).generator(0, 3)) for _ in range(2))
    assert torch.equal(first, again)
    for stream, position in ((0, 4), (1, 3)):
        assert not torch.equal(torch.rand(4, generator=Chance(seed).generator(stream, position)), first)
