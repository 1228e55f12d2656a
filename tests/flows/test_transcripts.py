"""A classifier that reads transcripts, from labelled audio to its student: what is said is an input of its stages."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from flows.cache_unused import find_unused
from flows.dag import nodes_of
from flows.settings import read_pipelines
from tasks.synthesis.corpus import make_corpus
from tests.encoders.clap_models import save_clap
from tests.encoders.text_models import save_text_model
from tests.flows.conftest import SETTINGS, Project
from tests.networks.text_classifiers import save_text_classifier

SAID = ["oh no", "yes please", None]
FIVE_DRAWS = {name: teacher | {"draws": 5} for name, teacher in SETTINGS["teachers"].items()}
SIGNALS = {"kind": "label_signal", "size": 8, "heads": 1}


def say(folder: Path, **changed: str) -> None:
    """Writes transcripts into the manifest; `changed`: row → what is said in it."""
    manifest = pl.read_csv(folder / "manifest.csv")
    said = [changed.get(f"row_{n}", SAID[n % 3]) for n in range(manifest.height)]
    manifest.with_columns(transcript=pl.Series(said, dtype=pl.String)).write_csv(folder / "manifest.csv")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Audio, transcripts and models; nothing is trained yet."""
    project = Project(tmp_path_factory.mktemp("transcripts"))
    for domain in ("source", "target"):
        make_corpus(project.folder / domain, domain, clips_per_class=4)
        say(project.folder / domain)
    save_text_model(project.folder / "text")
    save_clap(project.folder / "clap")
    return project


def learn_from(project: Project, beside: str, pooling: dict[str, object]) -> None:
    encoder = {"kind": "joined", "parts": [{"kind": "logmel"}, {"kind": beside, "model": f"./{beside}"}]}
    project.change(source=SETTINGS["source"] | {"encoder": encoder, "pooling": pooling, "epochs": 3})


def columns_read(project: Project) -> dict[str, set[str]]:
    """Node → what it reads of `clips.parquet`."""
    settings = read_pipelines(project.folder / "pipelines.yaml")["small"]
    return {
        node.name: {column for read in node.reads if read.output == "clips.parquet" for column in read.columns or ()}
        for node in nodes_of("small", settings, project.cache)
    }


def test_transcripts_are_an_input_of_whoever_uses_such_a_classifier(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.change()
    save_text_classifier(tmp_path / "classifier", tmp_path / "model")
    reading = {name for name, columns in columns_read(project).items() if "transcript" in columns}
    assert reading == {"mc_dropout.classifier", "train_student", "evaluate_student"}


def test_speakers_and_transcripts_are_read_as_one_input(tmp_path: Path) -> None:
    """A record has one digest for each file that a node reads."""
    project = Project(tmp_path)
    project.change(student={"kind": "mi_fuse"}, teachers=FIVE_DRAWS)
    save_text_classifier(tmp_path / "classifier", tmp_path / "model")
    assert columns_read(project)["train_student"] == {"sha256", "speaker", "status", "transcript"}
    nodes = nodes_of("small", read_pipelines(tmp_path / "pipelines.yaml")["small"], project.cache)
    for node in nodes:
        assert len({read.output for read in node.reads}) == len(node.reads)


def test_where_nobody_reads_them_transcripts_are_no_input(tmp_path: Path, small_classifier: Path) -> None:
    project = Project(tmp_path)
    project.change(
        teachers=SETTINGS["teachers"] | {"classifier": {"kind": "mc_dropout", "path": str(small_classifier)}}
    )
    assert not any("transcript" in columns for columns in columns_read(project).values())


@pytest.mark.timeout(300)
def test_a_classifier_that_reads_them_is_trained_and_teaches(bare: Project) -> None:
    learn_from(bare, "text", SIGNALS)
    trained = bare.mifuse("train-source", "small")
    assert "5 of 16 clips have no transcript: of these the audio alone is heard" in trained.output
    run = bare.mifuse("run", "small")
    assert run.exit_code == 0, run.output
    assert "without transcript 5" in run.output
    assert "all 6 stages fresh" in bare.mifuse("status", "small").output
    assert find_unused(bare.cache, bare.folder / "pipelines.yaml").shared == []
    predicted = bare.mifuse("predict", str(bare.results / "student"), str(bare.folder / "target")).output
    assert "16 rows" in predicted
    assert "this student reads transcripts, too; here it is given audio alone" in predicted

    say(bare.folder / "target", row_0="something else")
    assert "4 of 64 draws to compute, about" in bare.mifuse("plan", "small").output


@pytest.mark.timeout(300)
def test_a_late_fusion_is_trained_and_draws_and_names_emotions(bare: Project) -> None:
    learn_from(bare, "clap", {"kind": "late_fusion"})
    trained = bare.mifuse("train-source", "small", "--force")
    assert trained.exit_code == 0, trained.output
    config = json.loads((bare.folder / "classifier" / "config.json").read_text())
    assert config["pooling"]["kind"] == "late_fusion"
    for stage in ("index_clips", "mc_dropout"):
        assert bare.mifuse("run", "small", "--only", stage).exit_code == 0
    draws = pl.read_parquet(bare.results / "draws" / "classifier.parquet")
    assert draws.height == 64
    assert draws["p_happy"].is_not_null().all()
    told = bare.mifuse("predict", str(bare.folder / "classifier"), str(bare.folder / "target" / "audio")).output
    assert "16 rows" in told


def test_text_without_any_transcript_is_a_mistake(bare: Project, tmp_path: Path) -> None:
    silent = Project(tmp_path)
    make_corpus(silent.folder / "source", "source", clips_per_class=2)
    (silent.folder / "text").symlink_to(bare.folder / "text")
    learn_from(silent, "text", SIGNALS)
    result = silent.mifuse("train-source", "small")
    assert result.exit_code == 2
    assert "no clip has a transcript, and source.encoder has a part of kind text" in result.output
