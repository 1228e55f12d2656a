"""Passes of a head with keyed dropout masks: a clip's draw of one number is the same wherever it is made."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tasks.encoders.base import Frames
from tasks.maths.masks import clip_keys, keyed_masks
from tasks.networks.head import Head, Masks


def dropout_passes(
    head: Head, heard: Frames, sha256s: Sequence[str], draws: int | Sequence[int], seed: int
) -> torch.Tensor:
    """Class probabilities of K draws, shape (N, K, C), float64, on the head's device.

    Args:
        head: In evaluation mode.
        heard: N rows, one per clip; or N * K, clip by clip, where the encoder has made draws of its own.
        sha256s: Of the N clips.
        draws: How many, or their numbers.
        seed: Of the masks.
    """
    keys_N = clip_keys(sha256s).to(heard.values_BLTD.device)
    pooled_NKD = keyed_masks(keys_N, draws, head.to_hidden.in_features, head.dropout, seed, layer=0)
    hidden_NKH = keyed_masks(keys_N, draws, head.to_logits.in_features, head.dropout, seed, layer=1)
    if len(heard) == len(sha256s):
        return _probabilities(head(heard, Masks(pooled_NKD, hidden_NKH)))
    masks = Masks(pooled_NKD.flatten(0, 1)[:, None], hidden_NKH.flatten(0, 1)[:, None])
    return _probabilities(head(heard, masks)[:, 0].unflatten(0, pooled_NKD.shape[:2]))


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    return logits.double().softmax(dim=-1)
