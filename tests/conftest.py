"""A Prefect home of the tests' own, and what lies on disk before the stages that compute.

That is: sixteen synthetic clips, a classifier, draws, pseudo-labels.
"""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import settings


# Before anything imports Prefect, which reads its settings once: no server, profile or key of this machine is touched.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="mifuse-tests-prefect-")
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"  # a busy machine
_THEIRS = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_PROFILE", "MIFUSE_CACHE", "MIFUSE_PIPELINES")
_SDKS = ("GEMINI_", "GOOGLE_", "OPENAI_", "ANTHROPIC_")
for _name in [name for name in os.environ if name in _THEIRS or name.startswith(_SDKS)]:
    os.environ.pop(_name, None)
atexit.register(shutil.rmtree, os.environ["PREFECT_HOME"], ignore_errors=True)

import flows.quiet  # noqa: F401
from tasks.contracts.tables import DRAW_STATUS, draws_schema, p_columns
from tasks.encoders.logmel import LogMelSettings
from tasks.fusion import Rule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.networks.config import ClassifierConfig
from tasks.storage.clips import ClipsSettings, read_usable_clips
from tasks.storage.files import sha256_of_file
from tasks.storage.tables import write_table
from tasks.students.mi_fuse import MIFuseSettings
from tasks.synthesis.corpus import make_corpus
from tasks.teachers.mc_dropout import MCDropoutSettings

pytest_plugins = ["tests.s3_server"]

settings.register_profile("mifuse", deadline=None, max_examples=50)  # no test on speed: the machine may be busy
settings.load_profile("mifuse")

SUBTYPES = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS", ".opus": "OPUS", ".mp3": "MPEG_LAYER_III"}
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".opus": "OGG", ".mp3": "MP3"}


def write_samples(path: Path, samples: np.ndarray, rate_hz: int = 16_000, subtype: str | None = None) -> Path:
    """Samples, shape (frames,) or (frames, channels), in the format that the ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ending = path.suffix.lower()
    soundfile.write(path, samples, rate_hz, format=FORMATS[ending], subtype=subtype or SUBTYPES[ending])
    return path


def write_tone(
    path: Path, duration_s: float = 1.0, rate_hz: int = 16_000, channels: int = 1, hz: float = 440, level: float = 0.3
) -> Path:
    """A sine in all channels, peak `level`."""
    tone = level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)
    return write_samples(path, np.tile(tone[:, None], channels), rate_hz)


@pytest.fixture(scope="session", name="write_samples")
def write_samples_fixture() -> Callable[..., Path]:
    return write_samples


@pytest.fixture(scope="session", name="write_tone")
def write_tone_fixture() -> Callable[..., Path]:
    return write_tone


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
        from tasks.index_clips import index_clips

        clips = ClipsSettings(folder=self.folder, manifest=self.folder / "manifest.csv")
        index_clips.fn(clips, self.root / "cache", self.root / "facts.parquet", self.clips)

    def estimate(self, out: Path, **changed: Any) -> dict[str, Any]:
        """The target's statistics, for the first time unless told otherwise."""
        from tasks.target_statistics import target_statistics

        given: dict[str, Any] = {"clips_table": self.clips, "folder": self.folder, "features": self.features}
        given |= {"teacher": self.teacher, "classifier": "the first", "frozen": None, "force": False}
        return target_statistics.fn(out=out, **given | changed)

    def draw(self, **changed: Any) -> dict[str, Any]:
        from tasks.mc_dropout import mc_dropout

        given = {"teacher": self.teacher, "classes": self.classes, "clips_table": self.clips, "folder": self.folder}
        given |= {"features": self.features, "mc_draws": self.root / "mc_draws", "out": self.draws["classifier"]}
        return mc_dropout.fn(**given | changed)

    def ask(self, refused: Collection[str] = (), once: Collection[str] = ()) -> None:
        """Writes five answers per clip that depend on the audio's content alone, as a paid teacher's do."""
        rows = []
        for clip_id, sha256 in read_usable_clips(self.clips).select("clip_id", "sha256").iter_rows():
            rng = np.random.default_rng(int(sha256[:12], 16))
            for draw, probs_C in enumerate(rng.dirichlet(rng.uniform(0.2, 2, len(self.classes)), size=5)):
                answered = clip_id not in refused and (draw == 0 or clip_id not in once)
                said = dict(zip(p_columns(CLASSES), probs_C, strict=True)) | {"unmapped": 0.0} if answered else {}
                status = "answered" if answered else "refused"
                rows.append(
                    {"clip_id": clip_id, "sha256": sha256, "draw": draw, "status": status, "heard": "audio"} | said
                )
        schema = draws_schema(self.classes)
        table = pl.DataFrame(rows, {**schema, "status": pl.String()}).cast({"status": DRAW_STATUS})
        write_table(self.draws["lalm"], table, schema)

    def fuse(self) -> None:
        from tasks.fuse_labels import ClipsEncoder, fuse_labels

        encoder = ClipsEncoder(self.teacher, self.folder, self.features)
        named = {"pipeline": "small"}
        fuse_labels.fn(self.rule, self.classes, self.clips, self.draws, named, self.pseudo_labels, encoder)

    def trained(self) -> Any:
        """With a student; where everything lies that `evaluate_student` reads."""
        from tasks.evaluate_student import Evaluated

        self.train(self.root)
        paths = (self.clips, self.pseudo_labels, self.root / "student", self.folder, self.features)
        rule = {"fuse": {"kind": "mutual_information"}}
        return Evaluated(*paths, self.draws, gold=None, labels={}, settings=rule, costs={})

    def train(self, to: Path, **changed: Any) -> dict[str, Any]:
        """Trains into `to/student` with checkpoints in `to/work`: thirty steps, unless told otherwise."""
        from tasks.train_student import train_student

        given: dict[str, Any] = {
            "student": MIFuseSettings(recipe="paper", steps=30, batch_size=8, learning_rate=0.01),
            "rule": self.rule,
            "classifier": self.teacher,
            "classifier_name": "classifier",
            "pseudo_labels": self.pseudo_labels,
            "folder": self.folder,
            "draws": self.draws,
            "features": self.features,
            "work": to / "work",
            "out": to / "student",
            "clips": self.clips,
        }
        return train_student.fn(**given | changed)


@pytest.fixture(scope="session")
def small_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that is trained on sixteen clips of the other domain."""
    import torch

    from tasks.encoders.features import AudioFile, features_of
    from tasks.networks.folder import save_classifier
    from tasks.students.source import train_source_classifier
    from tasks.students.source_clips import LabelledClips
    from tasks.students.source_settings import SourceTraining
    from tasks.students.source_work import work_in

    root = tmp_path_factory.mktemp("source")
    rows = pl.read_csv(make_corpus(root, "source", clips_per_class=4))
    files = [AudioFile(sha256_of_file(root / path), root / path, 2.0) for path in rows["path"]]
    features = features_of(files, LogMelSettings(), root / "features")
    labels_N = torch.tensor([CLASSES.index(label) for label in rows["label"]])
    encoder = LogMelSettings()
    config = ClassifierConfig(
        classes=CLASSES, encoder=encoder, encoder_identity=encoder.identity(), n_layers=1, dim=features.dim, hidden=16
    )
    clips = LabelledClips(features, labels_N, rows["speaker"].to_list())
    with work_in(root / "work", epochs=60) as work:
        made = train_source_classifier(clips, config, SourceTraining(), work)
    save_classifier(root / "classifier", made.head, config)
    return root / "classifier"


@pytest.fixture(scope="session")
def reordered_classifier(small_classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same classifier with its classes, and its last layer's rows, in another order."""
    from safetensors.torch import load_file, save_file

    folder, order = tmp_path_factory.mktemp("reordered"), [2, 0, 3, 1]
    weights = load_file(small_classifier / "model.safetensors")
    last = {name: weights[name][order].contiguous() for name in ("to_logits.weight", "to_logits.bias")}
    save_file(weights | last, folder / "model.safetensors")
    config = json.loads((small_classifier / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"classes": [config["classes"][i] for i in order]}))
    return folder


def make_named_corpus(folder: Path) -> None:
    """Sixteen clips of the target domain called `angry-0.wav` to `sad-3.wav`, so that tests can speak of one."""
    rows = pl.read_csv(make_corpus(folder, "target", clips_per_class=4)).sort("label", "clip_id")
    names = [f"{label}-{n % 4}" for n, label in enumerate(rows["label"])]
    for path, name in zip(rows["path"], names, strict=True):
        write_samples(folder / "audio" / f"{name}.wav", *soundfile.read(folder / path))
        (folder / path).unlink()
    named = rows.with_columns(clip_id=pl.Series(names), path=pl.Series([f"audio/{name}.wav" for name in names]))
    named.select("clip_id", "path", "label", "speaker").write_csv(folder / "manifest.csv")


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
        make_named_corpus(run.folder)
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
