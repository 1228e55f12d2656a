"""Dropout inside an encoder that is in evaluation mode, by keyed masks; nothing else of training mode is switched on.

transformers' own `model.train()` also switches on LayerDrop and SpecAugment and draws from torch's global generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

from tasks.encoders.recomputing import Again
from tasks.encoders.wavlm_attention import MultiHead
from tasks.maths.masks import drop_in_place

_FIRST_LAYER = 1 << 16  # the head's masks are numbered from 0


@contextmanager
def live_dropout(config: Any, keys_R: torch.Tensor, first_layer: int = _FIRST_LAYER) -> Iterator[Again]:
    """Inside the block each dropout of the encoder is live for rows with these keys (`tasks.maths.masks.draw_keys`).

    The n-th dropout inside the block has the n-th layer's mask. Attention is torch's own function, not another
    package's: a fused kernel takes no mask.

    Yields:
        What gives the block in which the dropouts from there on are repeated.
    """
    before = config._attn_implementation
    config._attn_implementation = "sdpa"
    try:
        with _LiveDropout(keys_R, config.attention_dropout, first_layer) as live:
            yield lambda: live_dropout(config, keys_R, live.layer)
    finally:
        config._attn_implementation = before


class _LiveDropout(TorchFunctionMode):
    """Catches the calls; the modules stay in evaluation mode, in which only the rate of attention is not passed on."""

    def __init__(self, keys_R: torch.Tensor, attention_drop: float, first_layer: int) -> None:
        super().__init__()
        self._keys_R, self._attention_drop, self.layer = keys_R, attention_drop, first_layer

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.dropout:
            return self._dropout(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            return self._attention(*args, **kwargs)
        if func is F.multi_head_attention_forward:
            return self._multi_head(MultiHead.of_call(*args, **kwargs))
        return func(*args, **kwargs)

    def _dropout(self, values: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        self.layer += 1  # also where nothing is dropped: one rate says nothing about the other layers' masks
        if p == 0:
            return values
        if values.is_contiguous() and not values.requires_grad:  # every caller passes what nobody else holds
            return drop_in_place(values, self._keys_R, p, self.layer)
        ones = torch.ones_like(values, memory_format=torch.contiguous_format)
        return values * drop_in_place(ones, self._keys_R, p, self.layer)

    def _attention(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        scale: float | None = None,
        is_causal: bool = False,
    ) -> torch.Tensor:
        """In place of `scaled_dot_product_attention`. Shapes (R, H, T, D) of one head; True in the mask: attend."""
        if is_causal:
            raise ValueError("live dropout is for encoders, whose frames attend to all others; got is_causal=True")
        scores_RHTT = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-2, -1)
        if attn_mask is not None:
            scores_RHTT.masked_fill_(~attn_mask, -torch.inf)
        return self._dropout(scores_RHTT.softmax(dim=-1), self._attention_drop) @ value

    def _multi_head(self, call: MultiHead) -> tuple[torch.Tensor, None]:
        """In place of `multi_head_attention_forward`, which WavLM uses."""
        rows, heads = call.query_RHTD.shape[:2]
        query_ETD, key_ETD = call.query_RHTD.flatten(0, 1), call.key_RHTD.flatten(0, 1)
        scaled_ETD = query_ETD * query_ETD.shape[-1] ** -0.5
        scores_ETT = torch.baddbmm(call.bias_RHTT.flatten(0, 1), scaled_ETD, key_ETD.transpose(1, 2))
        weights_RHTT = self._dropout(scores_ETT.softmax(dim=-1).unflatten(0, (rows, heads)), call.drop)
        return call.result(weights_RHTT @ call.value_RHTD)
