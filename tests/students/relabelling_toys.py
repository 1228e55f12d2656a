"""A made-up target whose clips lie by class, paid teachers of any skill, and a classifier that is sure but bad."""

from typing import Any

import numpy as np
import torch

from tasks.encoders.features import Means
from tasks.fusion.base import Draws
from tasks.networks.head import Head
from tasks.students.base import TrainingData

CLASSES = ["angry", "happy", "sad"]
N = 240
TRUTH_N = torch.arange(N) % 3
SPEAKERS = [f"speaker {n // 40}" for n in range(N)]


def clips(apart: float = 4.0, of_speaker: float = 0.0) -> torch.Tensor:
    """Time means, shape (N, L, D) = (240, 2, 5): each class elsewhere, each speaker shifted."""
    generator = torch.Generator().manual_seed(0)
    noise_NLD = torch.randn(N, 2, 5, generator=generator)
    shift_SLD = of_speaker * torch.randn(6, 1, 5, generator=generator).repeat_interleave(40, dim=0)
    return 3 + noise_NLD + apart * torch.eye(3, 5)[TRUTH_N][:, None] + shift_SLD


def teacher(right: float, sure: float, seed: int, k: int = 5) -> Draws:
    """Right in this share of the clips, its draws about as sure as told, contradicting themselves a little."""
    rng = np.random.default_rng(seed)
    named_N = np.where(rng.random(N) < right, TRUTH_N.numpy(), rng.integers(0, 3, N))
    named_NK = np.where(rng.random((N, k)) < 0.9, named_N[:, None], rng.integers(0, 3, (N, k)))
    probs_NKC = sure * np.eye(3)[named_NK] + (1 - sure) / 3
    return Draws(torch.from_numpy(probs_NKC).float(), torch.ones(N, k, dtype=torch.bool))


def target_of(means_NLD: torch.Tensor, **changed: Any) -> TrainingData:
    given: dict[str, Any] = {"features": Means(means_NLD), "labels_NC": torch.full((N, 3), 1 / 3), "rule": None}
    given |= {"draws": [teacher(0.7, 0.8, seed=1)], "classifier_draws": 8}
    return TrainingData(**given | changed)


def make_bad(head: Head) -> None:
    """It becomes loud about what has nothing to do with the classes."""
    with torch.no_grad():
        head.to_logits.weight.mul_(20)
        head.to_hidden.weight[:, :3] = 0
    head.eval()


def named_by(probs_NC: torch.Tensor) -> float:
    """The share of the clips that are named rightly."""
    return (probs_NC.argmax(dim=1) == TRUTH_N).double().mean().item()
