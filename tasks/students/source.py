"""Trains the source classifier: the teacher that knows another domain. A bootstrap, not a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import recall_score
from sklearn.model_selection import GroupShuffleSplit
from torch.nn import functional

from tasks.maths.threads import one_thread
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head

_EPOCHS = 60
_BATCH = 32
_LEARNING_RATE = 1e-3
_LABEL_SMOOTHING = 0.1  # SHOT, DINE: keeps the source classifier from being sure of everything elsewhere


@dataclass(frozen=True)
class LabelledClips:
    """Source clips: features (N, L, D), class indices (N,), speakers ("" where unknown)."""

    features_NLD: torch.Tensor
    labels_N: torch.Tensor
    speakers: Sequence[str]


@one_thread()
def train_source_classifier(clips: LabelledClips, config: ClassifierConfig, seed: int) -> Head:
    """Cross-entropy with label smoothing on all clips; statistics for standardisation come from them too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # the layers' initial weights have no generator of their own
        head = Head(config).train()
    head.standardise_by(clips.features_NLD)
    steps = _EPOCHS * max(1, -(-len(clips.labels_N) // _BATCH))
    optimiser = torch.optim.AdamW(head.parameters(), lr=_LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(_EPOCHS):
        for rows_B in torch.randperm(len(clips.labels_N), generator=generator).split(_BATCH):
            masks = head.draw_masks(len(rows_B), 1, generator)
            logits_BC = head(clips.features_NLD[rows_B], masks)[:, 0]
            loss = functional.cross_entropy(logits_BC, clips.labels_N[rows_B], label_smoothing=_LABEL_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return head.eval()


def held_out_ua(clips: LabelledClips, config: ClassifierConfig, seed: int) -> float | None:
    """UA on a fifth of the speakers after training on the others; None with fewer than two speakers."""
    if len(set(clips.speakers)) < 2:
        return None
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
    train_rows, test_rows = next(splitter.split(np.zeros(len(clips.speakers)), groups=list(clips.speakers)))
    rest = [clips.speakers[n] for n in train_rows]
    part = LabelledClips(clips.features_NLD[train_rows], clips.labels_N[train_rows], rest)
    head = train_source_classifier(part, config, seed)
    with torch.inference_mode():
        named_N = head(clips.features_NLD[test_rows]).argmax(dim=-1)
    gold_N = clips.labels_N[test_rows]
    return float(recall_score(gold_N, named_N, labels=gold_N.unique(), average="macro"))
