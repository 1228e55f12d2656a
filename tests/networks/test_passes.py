"""Dropout passes of a head over one row per clip, and over one row per clip and draw."""

from __future__ import annotations

import hashlib

import pytest
import torch

from tasks.encoders.base import Frames
from tasks.networks.head import Head
from tasks.networks.passes import dropout_passes

SHA256S = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(4)]


@pytest.fixture
def means_NLD() -> torch.Tensor:
    return torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def passes(head: Head, means: torch.Tensor, sha256s: list[str], draws: int | tuple[int, ...]) -> torch.Tensor:
    return dropout_passes(head, Frames.of_means(means), sha256s, draws, seed=3)


def test_a_row_per_clip_and_draw_has_the_masks_of_its_clip_and_draw(head: Head, means_NLD: torch.Tensor) -> None:
    """Rows that are all the same give what one row gives."""
    repeated = means_NLD.repeat_interleave(6, dim=0)
    found_NKC = passes(head.eval(), repeated, SHA256S, 6)
    torch.testing.assert_close(found_NKC, passes(head, means_NLD, SHA256S, 6), atol=1e-7, rtol=0)


def test_each_row_is_a_draw_of_its_own(head: Head, means_NLD: torch.Tensor) -> None:
    repeated = means_NLD.repeat_interleave(2, dim=0)
    repeated[3] += 1  # the second draw of the second clip
    found, before = passes(head.eval(), repeated, SHA256S, 2), passes(head, means_NLD, SHA256S, 2)
    changed = (found - before).abs().amax(dim=-1) > 1e-4
    assert changed.nonzero().tolist() == [[1, 1]]


def test_draws_are_known_by_their_numbers(head: Head, means_NLD: torch.Tensor) -> None:
    all_NKC, some_NKC = (passes(head.eval(), means_NLD, SHA256S, draws) for draws in (5, (4, 1)))
    torch.testing.assert_close(some_NKC, all_NKC[:, [4, 1]], atol=1e-7, rtol=0)


def test_probabilities_are_float64_and_sum_to_one(head: Head, means_NLD: torch.Tensor) -> None:
    found_NKC = passes(head.eval(), means_NLD, SHA256S, 3)
    assert found_NKC.dtype == torch.float64
    torch.testing.assert_close(found_NKC.sum(dim=-1), torch.ones(4, 3, dtype=torch.float64), atol=1e-12, rtol=0)
