"""A dual encoder's draws: stored vectors of the clips against vectors of the prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.encoders import prompts
from tasks.encoders.features import Features
from tasks.maths.zero_shot import ensemble, zero_shot_probs
from tasks.teachers.zero_shot import ZeroShotDraw, ZeroShotSettings

FloatArray = NDArray[np.float64]
_AT_ONCE = 4096  # clips whose vectors are in memory together


@dataclass(frozen=True)
class ClassVectors:
    """The texts of a teacher's draws, embedded: each text once, whatever number of draws and classes it is in.

    Attributes:
        of_prompt: (prompt, text repeats) → one vector per class, shape (C, D).
        scale: See `tasks.maths.zero_shot.zero_shot_probs`.
    """

    of_prompt: Mapping[tuple[str, int], FloatArray]
    scale: float

    def ensemble(self, text_repeats: int) -> FloatArray:
        """One vector per class over all prompts, shape (C, D)."""
        return ensemble(np.stack([v for (_, repeats), v in self.of_prompt.items() if repeats == text_repeats]))


def class_vectors(
    teacher: ZeroShotSettings,
    classes: Sequence[str],
    text_repeats: Iterable[int],
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
    scale: float,
) -> ClassVectors:
    """Embeds all texts in one call.

    Args:
        teacher: Its prompts and words.
        classes: In the order of the vectors.
        text_repeats: Which numbers of repeats are wanted.
        embed: Texts → vectors, shape (n, D).
        scale: The model's.
    """
    keys = [(prompt, repeats) for prompt in teacher.prompts for repeats in dict.fromkeys(text_repeats)]
    vectors_PCD = prompts.class_vectors(keys, [teacher.words_of(name) for name in classes], embed)
    return ClassVectors(dict(zip(keys, vectors_PCD, strict=True)), scale)


def draw_by_prompts(
    draws: Sequence[ZeroShotDraw], vectors: ClassVectors, features: Mapping[int, Features]
) -> FloatArray:
    """Each draw of each clip.

    Args:
        draws: Which.
        vectors: Of their texts.
        features: Audio repeats → the clips' vectors.

    Returns:
        Class probabilities, shape (N, K, C).
    """
    heard = {repeats: clip_vectors(of_clips) for repeats, of_clips in features.items()}
    probs = [
        zero_shot_probs(heard[draw.audio_repeats], vectors.of_prompt[draw.prompt, draw.text_repeats], vectors.scale)
        for draw in draws
    ]
    return np.stack(probs, axis=1)


def clip_vectors(features: Features) -> FloatArray:
    """All clips' vectors, shape (N, D)."""
    rows = [range(at, min(at + _AT_ONCE, len(features))) for at in range(0, len(features), _AT_ONCE)]
    parts = [features.rows(some).means_BLD()[:, 0].cpu().numpy().astype(np.float64) for some in rows]
    return np.concatenate(parts) if parts else np.zeros((0, features.dim))
