"""Clips that are easy to tell apart, a small encoder, and work that is kept in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from tasks.encoders.features import Means
from tasks.students.base import Checkpoint
from tasks.students.source_clips import LabelledClips

LAYERS, DIM = 2, 5


def toy(n: int, speakers: Sequence[str] = ("a", "b", "c", "d", "e"), seed: int = 0, apart: float = 6) -> LabelledClips:
    """Three clouds that are far from each other; the label has nothing to do with the speaker."""
    generator = torch.Generator().manual_seed(seed)
    labels_N = torch.arange(n) % 3
    features_NLD = torch.randn(n, LAYERS, DIM, generator=generator)
    features_NLD[torch.arange(n), :, labels_N] += apart
    return LabelledClips(Means(10 * features_NLD + 100), labels_N, [speakers[i // 3 % len(speakers)] for i in range(n)])


def save_wavlm(folder: Path, **more: Any) -> Path:
    """Two layers, randomly initialised."""
    convolutions = {"conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (5, 8), "num_feat_extract_layers": 2}
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    layers = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    torch.manual_seed(0)
    config = transformers.WavLMConfig(**convolutions, **positions, **layers, **more)
    transformers.WavLMModel(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


class MemoryWork:
    """Keeps `students.source.Work` in memory; `interrupt_after` so many epochs it does what Ctrl-C does."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.checkpoints: dict[str, Checkpoint] = {}
        self.epochs: list[tuple[str, int]] = []
        self.told = 0
        self._interrupt_after = interrupt_after

    def found(self, run: str) -> Checkpoint | None:
        return self.checkpoints.get(run)

    def keep(self, run: str, checkpoint: Checkpoint) -> None:
        self.checkpoints[run] = checkpoint
        self.epochs.append((run, checkpoint.step))
        if len(self.epochs) == self._interrupt_after:
            raise KeyboardInterrupt

    def report(self, epochs: int, best_ua: float | None) -> None:
        self.told += epochs
