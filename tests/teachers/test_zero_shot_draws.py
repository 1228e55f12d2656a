"""A zero-shot teacher's draws: each text embedded once, each draw the softmax over its own texts and repeats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.encoders.features import Means
from tasks.maths.zero_shot import zero_shot_probs
from tasks.teachers.zero_shot import ZeroShotSettings
from tasks.teachers.zero_shot_draws import class_vectors, clip_vectors, draw_by_prompts

CLASSES = ["angry", "sad"]
SCALE = 5.0


class Texts:
    """A text half of its own: a direction for each text, and a note of what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(list(texts))
        return np.stack([direction(text) for text in texts])


def direction(text: str) -> NDArray[np.float32]:
    values = np.random.default_rng([ord(letter) for letter in text]).normal(size=4).astype(np.float32)
    return values / np.linalg.norm(values)


def teacher(**given: object) -> ZeroShotSettings:
    return ZeroShotSettings.model_validate(
        {"model": "org/clap", "revision": "1a2b", "prompts": ["{e}", "so {e}!"], **given}
    )


def clips(seed: int, n: int = 3) -> Means:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, 1, 4)).astype(np.float32))
    return Means(values)


def test_each_text_is_embedded_once_in_one_call() -> None:
    texts, given = Texts(), teacher(words={"angry": ["angry", "mad"]})
    class_vectors(given, CLASSES, [1, 2, 1], texts.embed, SCALE)
    assert len(texts.asked) == 1
    words = ["angry", "mad", "sad", "angry angry", "mad mad", "sad sad"]
    assert sorted(texts.asked[0]) == sorted([*words, *(f"so {word}!" for word in words)])


def test_each_draw_is_the_clips_word_under_its_prompt_and_repeats() -> None:
    given = teacher(repeats=[[1, 1], [2, 3]])
    draws, heard = given.asked([(1, 1), (2, 3)]), {1: clips(1), 2: clips(2)}
    found_NKC = draw_by_prompts(draws, class_vectors(given, CLASSES, [1, 3], Texts().embed, SCALE), heard)
    asked = [(1, "{}", 1), (2, "{}", 3), (1, "so {}!", 1), (2, "so {}!", 3)]
    for k, (audio, prompt, repeats) in enumerate(asked):
        texts_CD = np.stack([direction(prompt.format(" ".join([word] * repeats))) for word in CLASSES])
        expected = zero_shot_probs(clip_vectors(heard[audio]), texts_CD, SCALE)
        np.testing.assert_allclose(found_NKC[:, k], expected, atol=1e-6)


def test_of_several_words_the_class_has_the_mean_direction() -> None:
    vectors = class_vectors(teacher(words={"angry": ["angry", "mad"]}), CLASSES, [1], Texts().embed, SCALE)
    mean = direction("angry") + direction("mad")
    np.testing.assert_allclose(vectors.of_prompt["{e}", 1][0], mean / np.linalg.norm(mean), atol=1e-6)


def test_the_ensemble_is_the_mean_direction_over_the_prompts_of_these_repeats() -> None:
    vectors = class_vectors(teacher(), CLASSES, [1, 2], Texts().embed, SCALE)
    mean = direction("sad sad") + direction("so sad sad!")
    np.testing.assert_allclose(vectors.ensemble(2)[1], mean / np.linalg.norm(mean), atol=1e-6)


def test_clips_are_read_part_by_part_and_keep_their_order() -> None:
    many = clips(3, n=5000)
    np.testing.assert_array_equal(
        clip_vectors(many)[[0, 4095, 4096, 4999]], many.rows([0, 4095, 4096, 4999]).means_BLD()[:, 0]
    )
