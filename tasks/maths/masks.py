"""Dropout masks that are keyed, not drawn: the same seed, clip, draw and layer give the same mask in any batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

_GOLDEN = -0x61C8864680B583EB  # 2^64 / golden ratio as a signed integer: splitmix64's increment
_MIX_1 = -0x40A7B892E31B1A47
_MIX_2 = -0x6B2FB644ECCEEE15
_LANES = 4  # uniforms of 16 bits in one word of the generator
_STEPS = 1 << 15  # a rate of dropout is rounded to so many steps
_BLOCK_WORDS = {"cpu": 1 << 16}  # stays in a core's cache: 3 times faster than in one go
_BLOCK_WORDS_ELSEWHERE = 1 << 24

_Bits = TypeVar("_Bits", torch.Tensor, NDArray[np.int64])


def clip_keys(sha256s: Sequence[str]) -> torch.Tensor:
    """The first 64 bits of each clip's sha256, shape (N,), int64."""
    return torch.tensor([int.from_bytes(bytes.fromhex(s[:16]), signed=True) for s in sha256s], dtype=torch.int64)


def draw_keys(keys_N: torch.Tensor, draws: int | Sequence[int], seed: int, window: int = 0) -> torch.Tensor:
    """A key for each clip and draw, shape (N, K); `draws` is how many, or their numbers. Long clips have windows."""
    numbers = range(draws) if isinstance(draws, int) else draws
    # In NumPy: keys are few, and torch's calls cost three times what the numbers do.
    draws_K = np.array([_increment(draw) for draw in numbers], dtype=np.int64)
    seeded_N = _scramble(keys_N.cpu().numpy() + _increment(seed))
    keys_NK = _scramble(_scramble(seeded_N[:, None] + draws_K) + _increment(window))
    return torch.from_numpy(keys_NK).to(keys_N.device)


def keyed_masks(
    keys_N: torch.Tensor, draws: int | Sequence[int], size: int, drop: float, seed: int, layer: int
) -> torch.Tensor:
    """Inverted-dropout masks: 0 with probability `drop`, else 1 / (1 - drop).

    Returns:
        Shape (N, K, D), float32, on the device of `keys_N`.
    """
    return masks_of(draw_keys(keys_N, draws, seed), size, drop, layer)


def masks_of(keys: torch.Tensor, size: int, drop: float, layer: int) -> torch.Tensor:
    """What `drop_in_place` makes of ones: shape (*keys.shape, size), float32, on the device of the keys."""
    if keys.device.type != "cpu":
        return drop_in_place(torch.ones(*keys.shape, size, device=keys.device), keys, drop, layer)
    dropped = _steps(drop)
    rows_P = _scramble(keys.numpy() + _increment(layer)).reshape(-1)
    steps_W = _counters(-(-size // _LANES), keys.device).numpy()
    masks_PD = np.empty((len(rows_P), size), dtype=np.float32)
    block = max(1, _BLOCK_WORDS["cpu"] // max(1, len(steps_W)))
    for at in range(0, len(rows_P), block):
        lanes = _scramble_in_place(rows_P[at : at + block, None] + steps_W).view(np.int16)[:, :size]
        kept_BD = lanes >= 2 * dropped - _STEPS  # as if the lowest bit were not there
        np.multiply(kept_BD, np.float32(_scale(dropped)), out=masks_PD[at : at + block], dtype=np.float32)
    return torch.from_numpy(masks_PD).view(*keys.shape, size)


def drop_in_place(values: torch.Tensor, keys: torch.Tensor, drop: float, layer: int) -> torch.Tensor:
    """Dropout of contiguous `values` by a mask that the keys decide; `keys` has the first axes of `values`.

    A counter-based generator (splitmix64's finaliser, Steele et al. 2014, over key, layer and position) in 64-bit
    integers, so that neither order, batch, padding, worker nor device matters: an element's fate depends on its own
    indices alone, not on how long the axes are. Each word gives four positions of the last axis 16 bits each, lowest
    first, of which the upper 15 are compared with `drop` in steps of 1 / 32768; what is kept is scaled by the rate
    that results, so that the mean stays.
    """
    dropped = _steps(drop)
    rows_P = _row_keys(_scramble(keys + _increment(layer)), values.shape[keys.dim() : -1]).flatten()
    steps_W = _counters(-(-values.shape[-1] // _LANES), values.device)
    rows_PD = values.view(len(rows_P), values.shape[-1])
    block = max(1, _BLOCK_WORDS.get(values.device.type, _BLOCK_WORDS_ELSEWHERE) // max(1, len(steps_W)))
    for at in range(0, len(rows_P), block):
        words_BW = _scramble_in_place(rows_P[at : at + block, None] + steps_W)
        _drop_by(rows_PD[at : at + block], words_BW, dropped)
    return values


def _drop_by(values_BD: torch.Tensor, words_BW: torch.Tensor, dropped: int) -> None:
    lanes = words_BW.view(torch.int16)
    # -1 where the upper 15 bits are below the threshold, else 0. Comparing into bool costs ten times as much.
    lanes.bitwise_right_shift_(1).sub_(dropped - _STEPS // 2).bitwise_right_shift_(15)
    mask_BD = lanes[:, : values_BD.shape[-1]].to(values_BD.dtype)
    values_BD.mul_(mask_BD.add_(1).mul_(_scale(dropped)))


def _row_keys(keys: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    for size in sizes:
        keys = _scramble(keys[..., None] + _counters(size, keys.device))
    return keys


def _counters(size: int, device: torch.device) -> torch.Tensor:
    return _GOLDEN * torch.arange(1, size + 1, device=device)


def _increment(number: int) -> int:
    """`number` + 1 steps of the generator as a signed 64-bit integer; Python's own do not wrap round."""
    return ((_GOLDEN * (number + 1) + (1 << 63)) % (1 << 64)) - (1 << 63)


def _steps(drop: float) -> int:
    return min(round(drop * _STEPS), _STEPS - 1)


def _scale(dropped: int) -> float:
    return _STEPS / (_STEPS - dropped)


def _scramble(bits: _Bits) -> _Bits:
    return _scramble_in_place(bits + 0)


def _scramble_in_place(bits: _Bits) -> _Bits:
    # The shifted bits have one place for all three times: new memory each time costs a fifth more.
    shift: Any = np.right_shift if isinstance(bits, np.ndarray) else torch.bitwise_right_shift
    shifted = None
    for by, factor in ((30, _MIX_1), (27, _MIX_2), (31, None)):
        shifted = shift(bits, by, out=shifted)
        shifted &= (1 << (64 - by)) - 1  # on signed integers the shift is arithmetic
        bits ^= shifted
        if factor is not None:
            bits *= factor
    return bits
