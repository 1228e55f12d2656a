"""A long clip is looked at in blocks of frames, which changes no number and bounds the memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.encoders import contours
from tasks.encoders.contours import PITCH_FFT, PITCH_FRAME, Contours, contours_of

RATE_HZ = 16_000
PEAK_OF_TEN_MINUTES = """
import re, torch
from pathlib import Path
from tasks.encoders.contours import contours_of
torch.set_num_threads(1)
contours_of(torch.randn(16_000))
def peak_mb():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3
wave, before = torch.randn(16_000 * 600), peak_mb()
contours_of(wave)
print(peak_mb() - before)
"""


def voice(duration_s: float) -> torch.Tensor:
    """A gliding tone with pauses, in a little noise."""
    at_T = torch.arange(int(RATE_HZ * duration_s)) / RATE_HZ
    cycles_T = torch.cumsum(120 + 40 * torch.sin(3 * at_T), 0) / RATE_HZ
    noise_T = torch.randn(len(at_T), generator=torch.Generator().manual_seed(0))
    return 0.3 * torch.sin(2 * torch.pi * cycles_T) * (torch.sin(5 * at_T) > -0.2) + 0.02 * noise_T


def same(one: Contours, other: Contours) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in vars(one))


@pytest.mark.parametrize("duration_s", [0.02, 1.0, 30.0, 41.0, 90.0])
def test_blocks_give_the_numbers_of_the_whole_clip(duration_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    in_blocks = contours_of(voice(duration_s))
    monkeypatch.setattr(contours, "_BLOCK_FRAMES", sys.maxsize)
    assert same(in_blocks, contours_of(voice(duration_s)))


def test_a_clip_of_30_s_is_one_block() -> None:
    """So that its numbers are those of all versions before, on every machine."""
    assert 1 + 30 * RATE_HZ // contours.HOP <= contours._BLOCK_FRAMES


def test_the_autocorrelation_is_the_formula_on_either_side_of_a_block_border() -> None:
    wave = voice(45)
    (found_TL,) = contours._in_blocks(contours._autocorrelation, contours._frames(wave, PITCH_FRAME))
    padded = np.pad(wave.double().numpy(), (PITCH_FRAME // 2, PITCH_FRAME))
    window = np.hanning(PITCH_FRAME)
    own_L = np.correlate(window, window, "full")[PITCH_FRAME - 1 :]
    for frame in (0, contours._BLOCK_FRAMES - 1, contours._BLOCK_FRAMES, 4500):
        samples = padded[frame * 160 : frame * 160 + PITCH_FRAME]
        shaped = (samples - samples.mean()) * window
        raw_L = np.correlate(shaped, shaped, "full")[PITCH_FRAME - 1 :]
        expected_L = raw_L[:269] / raw_L[0] / (own_L[:269] / own_L[0])
        np.testing.assert_allclose(found_TL[frame].numpy(), expected_L, atol=1e-3)
    assert found_TL.shape == (4501, 269)
    assert PITCH_FFT > 2 * PITCH_FRAME  # no lag is wrapped round


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process can be read on Linux alone")
def test_ten_minutes_take_less_than_500_mb() -> None:
    told = subprocess.run([sys.executable, "-c", PEAK_OF_TEN_MINUTES], check=True, capture_output=True, text=True)
    assert float(told.stdout) < 500
