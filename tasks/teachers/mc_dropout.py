"""The source-trained classifier as a teacher: its draws are passes with other dropout masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.contracts.settings import OPERATIONAL, LocalPath, Settings

if TYPE_CHECKING:
    import torch

    from tasks.networks.head import Head

_BATCH_CLIPS = 256


class MCDropoutSettings(Settings):
    """`kind: mc_dropout`. `path` is a folder that `mifuse train-source` wrote."""

    kind: Literal["mc_dropout"] = "mc_dropout"
    path: LocalPath = Field(json_schema_extra=OPERATIONAL)  # the folder's content counts, not where it lies
    draws: int = Field(default=8, ge=2, le=256)
    # Which dropouts are live: those of the head. The encoder is deterministic, so it runs once per clip.
    dropout: Literal["head"] = "head"
    seed: int = Field(default=0, ge=0)
    batch_seconds: float = Field(default=240, gt=0, json_schema_extra=OPERATIONAL)
    device: str = Field(default="auto", json_schema_extra=OPERATIONAL)


def draw_by_dropout(
    head: Head, features_NLD: torch.Tensor, sha256s: Sequence[str], draws: int, seed: int
) -> NDArray[np.float64]:
    """K stochastic passes over each clip; Gal & Ghahramani 2016 (arXiv:1506.02142).

    A clip's masks derive from (seed, its sha256, draw, layer): order and batches do not matter.

    Returns:
        Class probabilities, shape (N, K, C).
    """
    import torch

    from tasks.maths.masks import clip_keys, keyed_masks
    from tasks.maths.threads import one_thread
    from tasks.networks.head import Masks

    def passes(rows: slice) -> torch.Tensor:
        keys_N = clip_keys(sha256s[rows])
        pooled_NKD = keyed_masks(keys_N, draws, head.to_hidden.in_features, head.dropout, seed, layer=0)
        hidden_NKH = keyed_masks(keys_N, draws, head.to_logits.in_features, head.dropout, seed, layer=1)
        return head(features_NLD[rows], Masks(pooled_NKD, hidden_NKH)).double().softmax(dim=-1)

    with torch.inference_mode(), one_thread():
        starts = range(0, len(sha256s), _BATCH_CLIPS)
        probs = [passes(slice(at, at + _BATCH_CLIPS)) for at in starts]
    return torch.cat(probs).numpy()
