"""WavLM's attention without the weights that transformers asks for and averages over heads, but nobody reads."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

_SIGNATURE = inspect.signature(F.multi_head_attention_forward)


@dataclass(frozen=True)
class MultiHead:
    """The parts of one call of `multi_head_attention_forward`: R rows, H heads, T frames, D features of a head."""

    query_RHTD: torch.Tensor
    key_RHTD: torch.Tensor
    value_RHTD: torch.Tensor
    bias_RHTT: torch.Tensor  # WavLM's gated relative positions, minus infinity where the padding is
    drop: float
    out_weight: torch.Tensor
    out_bias: torch.Tensor

    @staticmethod
    def of_call(*args: Any, **kwargs: Any) -> MultiHead:
        """Reads WavLM's call: time comes first, and there are three matrices of projection."""
        given = _SIGNATURE.bind(*args, **kwargs).arguments
        hidden_RTD, heads = given["query"].transpose(0, 1), given["num_heads"]
        bias_RHTT = given["attn_mask"].unflatten(0, (-1, heads))
        if given["key_padding_mask"] is not None:
            bias_RHTT = bias_RHTT.masked_fill(given["key_padding_mask"][:, None, None], -torch.inf)
        split = [
            F.linear(hidden_RTD, given[f"{name}_proj_weight"], bias).unflatten(-1, (heads, -1)).transpose(1, 2)
            for name, bias in zip("qkv", given["in_proj_bias"].chunk(3), strict=True)
        ]
        out = given["out_proj_weight"], given["out_proj_bias"]
        return MultiHead(split[0], split[1], split[2], bias_RHTT, given["dropout_p"], *out)

    def result(self, heard_RHTD: torch.Tensor) -> tuple[torch.Tensor, None]:
        """What the caller expects: the joined heads projected, time first, and no weights."""
        joined_TRD = heard_RHTD.permute(2, 0, 1, 3).flatten(2)
        return F.linear(joined_TRD, self.out_weight, self.out_bias), None


class FusedAttention(TorchFunctionMode):
    """Computes it by torch's fused kernels, which transformers does not use for WavLM."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not F.multi_head_attention_forward:
            return func(*args, **(kwargs or {}))
        call = MultiHead.of_call(*args, **(kwargs or {}))
        query, key, value = call.query_RHTD, call.key_RHTD, call.value_RHTD
        bias_RHTT = call.bias_RHTT.to(query.dtype)  # under autocast
        return call.result(F.scaled_dot_product_attention(query, key, value, attn_mask=bias_RHTT))
