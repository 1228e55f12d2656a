"""Results made by hand, a corpus of small files, and a cell in memory."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from bench.transfers.cell import Ready
from bench.transfers.corpora import CLASSES, read_corpus
from bench.transfers.kept import Result
from bench.transfers.splits import Split
from bench.transfers.stand_ins import rng_of
from tasks.encoders.features import Means
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """One result; `named` digits may be fewer classes than gold's."""

    def make(gold: str, named: str, speakers: Sequence[int] | None = None, **changed: Any) -> Result:
        who = list(speakers) if speakers is not None else [n % 3 for n in range(len(gold))]
        given: dict[str, Any] = {"scene": "s", "transfer": "a → b", "target": "b", "seed": 0, "method": "paper"}
        figures = {"ua": 0.0, "wa": 0.0, "curve": [], "seconds": 0.0}
        return Result(**given | figures | {"gold": gold, "named": named, "speakers": who} | changed)

    return make


@pytest.fixture
def write_corpus(tmp_path: Path) -> Callable[..., Path]:
    """A folder whose audio files are a few bytes each: nobody listens."""

    def write(name: str, rows: list[dict[str, str]]) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for row in rows:
            (folder / row["path"]).write_bytes(row.pop("bytes", row["path"]).encode())
        pl.DataFrame(rows).write_csv(folder / "manifest.csv")
        return folder

    return write


@pytest.fixture
def ready(write_corpus: Callable[..., Path]) -> Ready:
    """Sixteen clips of four speakers whose features tell the class, and a classifier that was never trained."""
    import torch

    torch.manual_seed(0)
    rows = [{"path": f"{n}.wav", "label": CLASSES[n % 4], "speaker": f"s{n // 4}"} for n in range(16)]
    corpus = read_corpus(write_corpus("toy", rows))
    config = ClassifierConfig(
        classes=CLASSES, encoder={"kind": "logmel"}, encoder_identity={}, n_layers=2, dim=6, hidden=8
    )
    head = Head(config).eval()
    means_NLD = torch.randn(16, 2, 6) + torch.eye(4, 6)[torch.from_numpy(corpus.gold_N)][:, None]
    lalm_NKC = rng_of("lalm").dirichlet(np.ones(4), size=(16, 5))
    every = np.arange(16)
    return Ready(corpus, Split(every, every), Means(means_NLD), head, head, lalm_NKC)
