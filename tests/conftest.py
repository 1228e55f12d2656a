"""What lies on disk before the stages that compute: sixteen synthetic clips, a classifier, draws, pseudo-labels."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tasks.contracts.tables import DRAW_STATUS, draws_schema, p_columns
from tasks.encoders.features import AudioFile, features_of
from tasks.encoders.logmel import LogMelSettings
from tasks.fuse_labels import fuse_labels
from tasks.fusion import Rule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.index_clips import index_clips
from tasks.maths.threads import one_thread
from tasks.mc_dropout import mc_dropout
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import save_classifier
from tasks.storage.clips import ClipsSettings, read_usable_clips
from tasks.storage.files import sha256_of_file
from tasks.storage.tables import write_table
from tasks.students.source import LabelledClips, train_source_classifier
from tasks.synthesis.corpus import make_corpus
from tasks.teachers.mc_dropout import MCDropoutSettings

CLASSES = ["angry", "happy", "neutral", "sad"]


@dataclass(frozen=True)
class SmallRun:
    """A pipeline of two teachers, `lalm` and `classifier`, up to its pseudo-labels."""

    root: Path
    classes: list[str]
    teacher: MCDropoutSettings
    rule: Rule

    @property
    def folder(self) -> Path:
        return self.root / "audio"

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def clips(self) -> Path:
        return self.root / "clips.parquet"

    @property
    def draws(self) -> dict[str, Path]:
        return {name: self.root / "draws" / f"{name}.parquet" for name in ("lalm", "classifier")}

    @property
    def pseudo_labels(self) -> Path:
        return self.root / "pseudo_labels.parquet"

    def index(self) -> None:
        clips = ClipsSettings(folder=self.folder, manifest=self.folder / "manifest.csv")
        index_clips.fn(clips, self.root / "hashes.parquet", self.root / "facts.parquet", self.clips)

    def draw(self, **changed: Any) -> dict[str, Any]:
        given = {"teacher": self.teacher, "classes": self.classes, "clips_table": self.clips, "folder": self.folder}
        return mc_dropout.fn(**given | {"features": self.features, "out": self.draws["classifier"]} | changed)

    def ask(self, refused: Collection[str] = (), once: Collection[str] = ()) -> None:
        """Writes five answers per clip that depend on the audio's content alone, as a paid teacher's do."""
        rows = []
        for clip_id, sha256 in read_usable_clips(self.clips).select("clip_id", "sha256").iter_rows():
            rng = np.random.default_rng(int(sha256[:12], 16))
            for draw, probs_C in enumerate(rng.dirichlet(rng.uniform(0.2, 2, len(self.classes)), size=5)):
                answered = clip_id not in refused and (draw == 0 or clip_id not in once)
                said = dict(zip(p_columns(CLASSES), probs_C, strict=True)) if answered else {}
                status = "answered" if answered else "refused"
                rows.append({"clip_id": clip_id, "sha256": sha256, "draw": draw, "status": status} | said)
        schema = draws_schema(self.classes)
        table = pl.DataFrame(rows, {**schema, "status": pl.String()}).cast({"status": DRAW_STATUS})
        write_table(self.draws["lalm"], table, schema)

    def fuse(self) -> None:
        fuse_labels.fn(self.rule, self.classes, self.clips, self.draws, {"pipeline": "small"}, self.pseudo_labels)


@pytest.fixture(scope="session")
def small_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that is trained on sixteen clips of the other domain."""
    root = tmp_path_factory.mktemp("source")
    rows = pl.read_csv(make_corpus(root, "source", clips_per_class=4))
    files = [AudioFile(sha256_of_file(root / path), root / path, 2.0) for path in rows["path"]]
    features_NLD = torch.from_numpy(features_of(files, LogMelSettings(), root / "features"))
    labels_N = torch.tensor([CLASSES.index(label) for label in rows["label"]])
    encoder, dim = LogMelSettings(), features_NLD.shape[2]
    config = ClassifierConfig(
        classes=CLASSES, encoder=encoder, encoder_identity=encoder.identity(), n_layers=1, dim=dim, hidden=16
    )
    with one_thread():
        head = train_source_classifier(LabelledClips(features_NLD, labels_N, rows["speaker"].to_list()), config, 0)
    save_classifier(root / "classifier", head, config)
    return root / "classifier"


@pytest.fixture(scope="session")
def make_small_run(small_classifier: Path) -> Callable[..., SmallRun]:
    """Runs the real stages before training in a folder; `edit` changes the audio folder before it is indexed."""

    def make(
        root: Path,
        edit: Callable[[Path], object] = lambda folder: None,
        rule: Rule | None = None,
        **asked: Collection[str],
    ) -> SmallRun:
        run = SmallRun(root, CLASSES, MCDropoutSettings(path=small_classifier), rule or MutualInformationRule())
        make_corpus(run.folder, "target", clips_per_class=4)
        edit(run.folder)
        run.index()
        run.draw()
        run.ask(**asked)
        run.fuse()
        return run

    return make


@pytest.fixture(scope="session")
def small_run(make_small_run: Callable[..., SmallRun], tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """One such run that tests only read from."""
    return make_small_run(tmp_path_factory.mktemp("run"))
