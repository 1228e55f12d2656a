"""Noise of two classes, LALM draws of it, and a small encoder with a head that a student starts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from tasks.encoders.features import AudioFile, features_of
from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.encoders.pretrained import PretrainedEncoder
from tasks.fusion.base import Draws
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.networks.statistics import statistics_of
from tasks.storage.files import sha256_of_file
from tasks.students.base import TrainingData
from tasks.students.finetune_loop import FineTuning
from tasks.students.finetune_network import ClipsInTraining
from tasks.students.mi_fuse import MIFuseSettings

CLASSES = ["dull", "bright"]
N = 12


def record(folder: Path) -> list[AudioFile]:
    """Dull and bright noise in turn, of a quarter of a second to more than half of one."""
    rng, found = np.random.default_rng(0), []
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(N):
        noise = np.convolve(rng.normal(size=4000 + 500 * (n * 5 % N)), np.ones(7 - 6 * (n % 2)) / 4)
        path = folder / f"{n:02}.wav"
        soundfile.write(path, 0.1 * noise, 16_000)
        found.append(AudioFile(sha256_of_file(path), path, len(noise) / 16_000))
    return found


class Tuning:
    """What the stage puts together."""

    def __init__(self, encoder: Path, files: Sequence[AudioFile], features: Path, **given: Any) -> None:
        self.settings_of_encoder = HuggingFaceSettings(model=str(encoder), precision=given.pop("precision", "float32"))
        built = self.settings_of_encoder.build("cpu")
        assert isinstance(built, PretrainedEncoder)
        self.encoder, self.files = built, list(files)
        pooling = given.pop("pooling", "mean")
        stored = features_of(files, HuggingFaceSettings(model=str(encoder)), features, device="cpu")
        sizes = {"n_layers": stored.n_layers, "dim": stored.dim, "hidden": 8, "dropout": 0.3, "pooling": pooling}
        config = ClassifierConfig(classes=CLASSES, encoder=self.settings_of_encoder, encoder_identity={}, **sizes)
        torch.manual_seed(0)
        self.head = Head(config)
        self.head.standardise_by(statistics_of(stored))
        numbers = {"steps": 4, "batch_size": 6, "learning_rate": 0.01, "encoder_learning_rate": 1e-3}
        if given.get("recipe") != "best" and given.get("teacher_refresh") != "never":
            numbers["ema"] = 0.9
        drops = given.pop("teacher_drops", False)
        self.settings = MIFuseSettings.model_validate({"recipe": "paper", "trainable": "all"} | numbers | given)
        self.clips = ClipsInTraining(
            built, files, self.settings.trainable, frames=config.hears_frames, teacher_drops=drops
        )
        self.stored = data_of(stored)
        self.data = data_of(self.clips)

    def loop(self) -> FineTuning:
        return self.settings.fine_tuning(self.head, self.data, CLASSES)

    def steps(self, loop: FineTuning, steps: int) -> None:
        for batch in loop.sharing().batches(loop.step, loop.step + steps):
            loop.advance(batch)

    def trained(self) -> FineTuning:
        """After all steps."""
        loop = self.loop()
        self.steps(loop, self.settings.steps)
        return loop


def data_of(features: Any) -> TrainingData:
    """The LALM is right about most clips, and refused to answer for one."""
    generator = torch.Generator().manual_seed(0)
    right_N = torch.arange(N) % 2
    logits_NKC = torch.randn(N, 4, 2, generator=generator)
    logits_NKC[torch.arange(N), :, right_N] += 2
    valid_NK = torch.ones(N, 4, dtype=torch.bool)
    valid_NK[3] = False
    probs_NKC = logits_NKC.softmax(dim=-1) * valid_NK[..., None]
    return TrainingData(
        features=features,
        labels_NC=torch.randn(N, 2, generator=generator).softmax(dim=-1),
        draws=[Draws(probs_NKC, valid_NK), None],
        rule=MutualInformationRule().fit([], []),
        classifier_draws=8,
    )
