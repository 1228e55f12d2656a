"""Clips of noise, an encoder of random weights and a head: what `bench.classifier` lets run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import transformers

from tasks.encoders.features import AudioFile
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.storage.audio import SAMPLE_RATE_HZ


def told_clips(files: Sequence[AudioFile]) -> str:
    lengths = [file.duration_s for file in files]
    return f"{len(files)} clips of {min(lengths):.1f} to {max(lengths):.1f} s ({sum(lengths):.0f} s)"


def make_clips(folder: Path, count: int, shortest_s: float, longest_s: float) -> list[AudioFile]:
    rng = np.random.default_rng(0)
    files = []
    for n, duration_s in enumerate(rng.uniform(shortest_s, longest_s, count).round(2)):
        path = folder / f"{n}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(round(duration_s * SAMPLE_RATE_HZ)), SAMPLE_RATE_HZ)
        files.append(AudioFile(hashlib.sha256(path.read_bytes()).hexdigest(), path, float(duration_s)))
    return files


def shuffled(files: Sequence[AudioFile]) -> list[AudioFile]:
    return [files[n] for n in np.random.default_rng(1).permutation(len(files))]


def random_batches(files: Sequence[AudioFile], batch_seconds: float) -> list[list[AudioFile]]:
    """In the order given, each batch as large as its padded length allows."""
    batches: list[list[AudioFile]] = [[]]
    for file in files:
        if (len(batches[-1]) + 1) * max(f.duration_s for f in [*batches[-1], file]) > batch_seconds:
            batches.append([])
        batches[-1].append(file)
    return [batch for batch in batches if batch]


def make_encoder(folder: Path, layers: int, kind: str = "wavlm") -> HuggingFaceSettings:
    path = folder / f"{kind}-{layers}"
    if not path.exists():
        torch.manual_seed(0)
        config: Any = transformers.AutoConfig.for_model(kind, num_hidden_layers=layers)
        transformers.AutoModel.from_config(config).save_pretrained(path)
        transformers.Wav2Vec2FeatureExtractor().save_pretrained(path)
    return HuggingFaceSettings(model=str(path))


def make_head(encoder: Any) -> Head:
    settings = {"classes": ["a", "b", "c", "d"], "encoder": {"kind": "logmel"}, "encoder_identity": {}}
    return Head(ClassifierConfig(**settings, n_layers=encoder.n_layers, dim=encoder.dim)).eval()
