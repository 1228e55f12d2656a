"""Attention over the frames of a clip that count, whatever the batch is padded with."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


def counted(longest: int, n_B: torch.Tensor) -> torch.Tensor:
    """Which of `longest` frames are among each row's first `n_B`, boolean, shape (B, longest)."""
    return torch.arange(longest, device=n_B.device) < n_B[:, None]


def attend(
    queries_BHQE: torch.Tensor, keys_BHTE: torch.Tensor, values_BHTE: torch.Tensor, counts_BT: torch.Tensor
) -> torch.Tensor:
    r"""``softmax(Q K^T / sqrt E) V`` over the keys that count, head by head (Vaswani et al. 2017, arXiv:1706.03762).

    Args:
        queries_BHQE: Of H heads of E numbers each.
        keys_BHTE: T of them.
        values_BHTE: Theirs.
        counts_BT: Which keys count; at least one of each row.

    Returns:
        Shape (B, H, Q, E).
    """
    return scaled_dot_product_attention(queries_BHQE, keys_BHTE, values_BHTE, attn_mask=counts_BT[:, None, None])


class CrossAttention(nn.Module):
    r"""``LN(X + MHA(X, Y, Y))``: each frame of X takes from Y what it asks for.

    Args:
        size: Of a frame.
        heads: That many, each with its share of the size.
        attends: Without it LN(X) is given back.
    """

    def __init__(self, size: int, heads: int, *, attends: bool = True) -> None:
        super().__init__()
        self.heads = _Heads(size, heads) if attends else None
        self.norm = nn.LayerNorm(size)

    def forward(self, x_BTD: torch.Tensor, y_BSD: torch.Tensor, counts_BS: torch.Tensor) -> torch.Tensor:
        """Shape (B, T, D). `counts_BS`: which frames of Y count; at least one of each row."""
        taken_BTD = 0 if self.heads is None else self.heads(x_BTD, y_BSD, counts_BS)
        attended_BTD: torch.Tensor = self.norm(x_BTD + taken_BTD)
        return attended_BTD


class _Heads(nn.Module):
    """MHA: each head's queries, keys and values are linear in the frames, and so is what is made of all heads."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.to_query = nn.Linear(size, size)
        self.to_key = nn.Linear(size, size, bias=False)  # it would add the same to all of a query's scores
        self.to_value = nn.Linear(size, size)
        self.to_size = nn.Linear(size, size)

    def forward(self, x_BTD: torch.Tensor, y_BSD: torch.Tensor, counts_BS: torch.Tensor) -> torch.Tensor:
        query, key, value = self.to_query(x_BTD), self.to_key(y_BSD), self.to_value(y_BSD)
        heads_BHTE = attend(self._split(query), self._split(key), self._split(value), counts_BS)
        taken_BTD: torch.Tensor = self.to_size(heads_BHTE.transpose(1, 2).flatten(2))
        return taken_BTD

    def _split(self, values_BTD: torch.Tensor) -> torch.Tensor:
        return values_BTD.unflatten(-1, (self._heads, -1)).transpose(1, 2)
