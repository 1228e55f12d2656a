"""Where `fuse_labels` reads and writes, and a table that it made from random draws of two teachers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.contracts.tables import clips_schema, draws_schema, p_columns, pseudo_labels_schema
from tasks.fuse_labels import fuse_labels
from tasks.fusion import Rule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.storage.tables import read_table

CLASSES = ["angry", "happy", "sad"]
TEACHERS = ["lalm", "classifier"]
SURE_OF_SAD = [[0.1, 0.1, 0.8]] * 3
SHAKY = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
Said = Sequence[Sequence[float] | None]  # one entry per draw; None where no answer came


@dataclass
class Place:
    """Where the stage's inputs and output lie."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "pseudo_labels.parquet"

    def clips(self, *rows: dict[str, Any]) -> None:
        known = {"path": "a.wav", "duration_s": 1.0, "status": "ok"}
        pl.DataFrame([known | row for row in rows], clips_schema()).write_parquet(self.root / "clips.parquet")

    def draws(self, teacher: str, said: dict[str, Said]) -> None:
        rows = [
            {
                "clip_id": sha256,
                "sha256": sha256,
                "draw": draw,
                "status": "answered" if probs_C else "refused",
                "heard": "audio",
            }
            | (dict(zip(p_columns(CLASSES), probs_C, strict=True)) | {"unmapped": 0.0} if probs_C else {})
            for sha256, probs_KC in said.items()
            for draw, probs_C in enumerate(probs_KC)
        ]
        pl.DataFrame(rows, draws_schema(CLASSES)).write_parquet(self.root / f"{teacher}.parquet")

    def fuse(self, rule: Rule | None = None, metadata: dict[str, str] | None = None) -> dict[str, Any]:
        draws = {teacher: self.root / f"{teacher}.parquet" for teacher in TEACHERS}
        rule = rule or MutualInformationRule()
        return fuse_labels.fn(rule, CLASSES, self.root / "clips.parquet", draws, metadata or {}, self.out)

    def table(self) -> pl.DataFrame:
        return read_table(self.out, pseudo_labels_schema(CLASSES, TEACHERS))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def fuse_one(place: Place) -> Callable[..., dict[str, Any]]:
    """The row of a clip of which the teachers said this; another clip is there on which all is well."""

    def fuse(lalm: Said, classifier: Said, rule: Rule | None = None) -> dict[str, Any]:
        place.clips({"clip_id": "a", "sha256": "a"}, {"clip_id": "b", "sha256": "b"})
        place.draws("lalm", {"a": lalm, "b": SURE_OF_SAD[: len(lalm)]})
        place.draws("classifier", {"a": classifier, "b": SURE_OF_SAD[: len(classifier)]})
        place.fuse(rule)
        return place.table().row(0, named=True)

    return fuse


RNG = np.random.default_rng(1)
MANY = {teacher: RNG.dirichlet(np.full(3, 0.6), size=(20, k)) for teacher, k in (("lalm", 5), ("classifier", 8))}
SHA256S = [f"{i:064x}" for i in range(20)]
# Clip ids run against the hashes, so that a row that is joined wrongly shows.
CLIPS = [{"clip_id": f"c{99 - i}", "sha256": s, "path": f"{i}.wav", "duration_s": i / 4} for i, s in enumerate(SHA256S)]


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Twenty clips with random draws by the paper's rule, in the order of `MANY`."""
    place = Place(tmp_path_factory.mktemp("many"))
    place.clips(*CLIPS)
    for teacher, probs_NKC in MANY.items():
        place.draws(teacher, dict(zip(SHA256S, probs_NKC.tolist(), strict=True)))
    place.fuse()
    return place.table().sort("sha256")
