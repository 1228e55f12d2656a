"""Noise on features."""

import pytest
import torch

from bench.label_signals.noise import Noisy
from bench.label_signals.segments import Segments
from tasks.networks.statistics import Statistics

STATISTICS = Statistics(torch.zeros(2, 200), torch.stack([torch.full((200,), 2.0), torch.full((200,), 0.5)]))
CLEAN = Segments([torch.zeros(2, frames, 200) for frames in (30, 50)])


@pytest.mark.parametrize(("snr_db", "factor"), [(0, 1.0), (20, 0.1), (-20, 10.0)])
def test_it_is_as_loud_as_each_feature_s_spread_at_0_db(snr_db: float, factor: float) -> None:
    heard = Noisy(CLEAN, STATISTICS, snr_db, seed=0).rows([1]).values_BLTD[0]
    assert heard[0].std().item() == pytest.approx(2.0 * factor, rel=0.03)
    assert heard[1].std().item() == pytest.approx(0.5 * factor, rel=0.03)


def test_a_clip_has_the_same_noise_whoever_is_beside_it() -> None:
    noisy = Noisy(CLEAN, STATISTICS, 0, seed=0)
    torch.testing.assert_close(noisy.rows([1]).values_BLTD[0], noisy.rows([0, 1]).values_BLTD[1])


def test_there_is_none_after_a_clip_s_end() -> None:
    heard = Noisy(CLEAN, STATISTICS, 0, seed=0).rows([0, 1]).values_BLTD[0]
    assert heard[:, 30:].abs().max() == 0
