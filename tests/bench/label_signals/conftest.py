"""Two small corpora that are heard without an encoder: segments of frames as an earlier run would have left them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.label_signals.checking import Check
from bench.label_signals.segments import SEGMENT_FRAMES
from bench.label_signals.variants import VARIANTS, Variant
from bench.transfers.corpora import CLASSES, read_corpus
from bench.transfers.stand_ins import rng_of

BY_NAME = {variant.name: variant for variant in VARIANTS}


@pytest.fixture
def corpora(write_corpus: Callable[..., Path], tmp_path: Path) -> tuple[Path, Path]:
    """Thirty-two clips of four speakers each; of every frame's eight numbers four tell the class, with noise."""
    folders = write_corpus("one", _rows("one")), write_corpus("two", _rows("two"))
    stored = tmp_path / "label_signals" / "segments"
    stored.mkdir(parents=True)
    for folder in folders:
        corpus, rng = read_corpus(folder), rng_of(folder.name)
        clips: dict[str, Any] = {
            sha256: rng.normal(size=(2, 2 + gold, 8)) + np.eye(4, 8)[gold]
            for sha256, gold in zip(corpus.sha256s, corpus.gold_N, strict=True)
        }
        np.savez(stored / f"{folder.name}-tiny-{SEGMENT_FRAMES}-0.npz", **clips)
    return folders


def _rows(name: str) -> list[dict[str, str]]:
    return [
        {"path": f"{n}.wav", "label": CLASSES[n % 4], "speaker": f"{name}{n // 8}", "bytes": f"{name} {n}"}
        for n in range(32)
    ]


@pytest.fixture
def make_check(corpora: tuple[Path, Path]) -> Callable[..., Check]:
    """On the first of both; the other is the one to carry over to."""

    def make(variant: Variant, seed: int = 0) -> Check:
        return Check(corpora[0], corpora[1:], "/models/tiny", True, seed, variant)

    return make
