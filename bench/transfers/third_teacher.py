"""What a third teacher says of a corpus: one that knows nothing, or one that knows a little.

A CLAP that was trained on anything is some hundred megabytes, which the benchmark does not fetch: a small one of random
weights goes the whole way of a zero-shot teacher, and its figures say what a teacher does that knows nothing.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.transfers.corpora import CLASSES, read_corpus
from bench.transfers.methods import LITTLE, NOTHING
from bench.transfers.sources import judged
from bench.transfers.stand_ins import simulated_draws
from tasks.encoders.clap_text import ClapTexts
from tasks.encoders.features import features_of
from tasks.storage.files import make_folder
from tasks.storage.leftovers import put_in_place, unfinished_folder
from tasks.teachers.zero_shot import ZeroShotSettings
from tasks.teachers.zero_shot_draws import class_vectors, draw_by_prompts

_PAIRS = [(1, 1)]


def third_draws(teacher: str, corpus: Path, seed: int, cache: Path) -> NDArray[np.float64]:
    """Shape (N, K, C), of all of the corpus's clips; a dual encoder says the same with every seed."""
    if teacher == LITTLE:
        return simulated_draws(judged(corpus, cache), read_corpus(corpus).sha256s, seed)
    if teacher == NOTHING:
        return _zero_shot_draws(corpus, cache)
    raise ValueError(f'no third teacher "{teacher}". Known: {LITTLE}, {NOTHING}.')


@lru_cache(maxsize=4)
def _zero_shot_draws(corpus: Path, cache: Path) -> NDArray[np.float64]:
    teacher = ZeroShotSettings(model=str(random_clap(cache).absolute()))
    files = read_corpus(corpus).files
    texts = ClapTexts(teacher.encoder(1), "cpu")
    vectors = class_vectors(teacher, CLASSES, [1], texts.embed, texts.scale)
    heard = {1: features_of(files, teacher.encoder(1), cache / "features", device="cpu")}
    return draw_by_prompts(teacher.asked(_PAIRS), vectors, heard)


def random_clap(cache: Path) -> Path:
    """The folder of the model, made where it is not there."""
    from tests.encoders.clap_models import save_clap

    folder = cache / "transfers" / "random-clap"
    if not folder.is_dir():
        with unfinished_folder(make_folder(folder.parent)) as made:
            put_in_place(save_clap(made, seed=0), folder)
    return folder
