"""Dropout masks that are keyed, not drawn: the same seed, clip, draw and layer give the same mask in any batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

_GOLDEN = -0x61C8864680B583EB  # 2^64 / golden ratio as a signed integer: splitmix64's increment
_MIX_1 = -0x40A7B892E31B1A47
_MIX_2 = -0x6B2FB644ECCEEE15


def clip_keys(sha256s: Sequence[str]) -> torch.Tensor:
    """The first 64 bits of each clip's sha256, shape (N,), int64."""
    return torch.tensor([int.from_bytes(bytes.fromhex(s[:16]), signed=True) for s in sha256s], dtype=torch.int64)


def keyed_masks(keys_N: torch.Tensor, draws: int, size: int, drop: float, seed: int, layer: int) -> torch.Tensor:
    """Inverted-dropout masks: 0 with probability `drop`, else 1 / (1 - drop).

    A counter-based generator (splitmix64's finaliser, Steele et al. 2014, over key, seed, layer, draw and position)
    in 64-bit integers, so that neither order, batch, worker nor device matters.

    Returns:
        Shape (N, K, D), float32, on the device of `keys_N`.
    """
    device = keys_N.device
    stream = _scramble(_scramble(keys_N + _increment(seed)) + _increment(layer))
    per_draw = _scramble(stream[:, None] + _GOLDEN * torch.arange(1, draws + 1, device=device))
    bits = _scramble(per_draw[..., None] + _GOLDEN * torch.arange(1, size + 1, device=device))
    uniform = (_shift(bits, 40)).to(torch.float32) / float(1 << 24)
    return (uniform >= drop).to(torch.float32) / (1.0 - drop)


def _increment(number: int) -> int:
    """`number` + 1 steps of the generator as a signed 64-bit integer; Python's own do not wrap round."""
    return ((_GOLDEN * (number + 1) + (1 << 63)) % (1 << 64)) - (1 << 63)


def _shift(bits: torch.Tensor, by: int) -> torch.Tensor:
    """Logical right shift; torch's own is arithmetic on signed integers."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


def _scramble(bits: torch.Tensor) -> torch.Tensor:
    bits = (bits ^ _shift(bits, 30)) * _MIX_1
    bits = (bits ^ _shift(bits, 27)) * _MIX_2
    return bits ^ _shift(bits, 31)
