"""`mifuse train-source`: what it writes and says, and that it goes on where it was stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.encoders.features import AudioFile
from tasks.networks.config import check_encoder, read_config
from tasks.networks.predict import predict_files
from tasks.storage.files import sha256_of_file
from tasks.synthesis.corpus import make_corpus
from tests.flows.conftest import SETTINGS, Project
from tests.networks.audio_classifiers import save_audio_classifier
from tests.students.source_toys import save_wavlm
from tests.waiting import wait_for

Contents = Callable[[Path], dict[str, bytes]]
SOURCE = SETTINGS["source"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "source"
    make_corpus(folder, "source", clips_per_class=6)
    return folder


@pytest.fixture
def bare(corpus: Path, tmp_path: Path) -> Project:
    """Labelled clips and nothing else."""
    project = Project(tmp_path)
    shutil.copytree(corpus, project.folder / "source")
    project.change(source=SOURCE | {"epochs": 5})
    return project


def said(project: Project, *words: str) -> str:
    result = project.mifuse("train-source", "small", *words)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_says_what_it_learnt_from_and_what_came_of_it(bare: Project) -> None:
    output = said(bare)
    assert "24 clips of 6 speakers: angry 6, happy 6, neutral 6, sad 6" in output
    assert "seed 0: speakers source-" in output
    assert "of 5\n" in output
    assert "trained again on all 24 clips, for" in output
    assert f"→ {bare.folder / 'classifier'}" in output
    assert "goes on" not in output


def test_several_seeds_are_told_one_by_one(bare: Project) -> None:
    bare.change(source=SOURCE | {"epochs": 2, "seeds": 3, "seed": 5})
    output = said(bare)
    assert all(f"seed {seed}: " in output for seed in (5, 6, 7))
    assert "3 seeds: UA " in output


def test_the_same_settings_give_the_same_bytes_and_nothing_is_left_of_the_work(
    bare: Project, contents: Contents
) -> None:
    said(bare)
    first = contents(bare.folder / "classifier")
    assert first == (said(bare, "--force"), contents(bare.folder / "classifier"))[1]
    assert not list((bare.cache / "work").glob("train_source-*"))


def test_a_training_that_fails_leaves_the_old_classifier_as_it_was(bare: Project, contents: Contents) -> None:
    said(bare)
    before = contents(bare.folder / "classifier")
    bare.change(source=SOURCE | {"learning_rate": 1e30})
    result = bare.mifuse("train-source", "small", "--force")
    assert result.exit_code == 2
    assert "error: training the source classifier: the " in result.output
    assert "Lower source.learning_rate (now 1e+30)" in result.output
    assert contents(bare.folder / "classifier") == before


def test_a_transformers_checkpoint_is_never_overwritten(bare: Project, contents: Contents) -> None:
    save_audio_classifier(bare.folder / "classifier", "wavlm")
    before = contents(bare.folder / "classifier")
    result = bare.mifuse("train-source", "small", "--force")
    assert result.exit_code == 2
    assert "holds a transformers checkpoint, which is used as it is; --force does not overwrite it" in result.output
    assert contents(bare.folder / "classifier") == before


def test_a_place_where_nothing_can_be_kept_is_told_before_the_training(bare: Project) -> None:
    (bare.folder / "file").touch()
    classifier = SETTINGS["teachers"]["classifier"] | {"path": "file/classifier"}
    bare.change(teachers=SETTINGS["teachers"] | {"classifier": classifier})
    result = bare.mifuse("train-source", "small")
    assert result.exit_code == 2
    assert f"no classifier can be kept there: {bare.folder / 'file'} is a file. Change the teacher's `path`" in (
        result.output
    )
    assert "24 clips" not in result.output


def name_again(project: Project, label: str | None) -> None:
    """The manifest's first recording under a second name, with this label."""
    manifest = project.folder / "source" / "manifest.csv"
    rows = pl.read_csv(manifest, infer_schema=False)
    given = {"clip_id": "again", "path": "audio/again.flac", "label": label}
    again = rows.head(1).with_columns(pl.lit(value, pl.String).alias(name) for name, value in given.items())
    shutil.copy(project.folder / "source" / rows["path"][0], project.folder / "source" / "audio" / "again.flac")
    pl.concat([again, rows]).write_csv(manifest)


def test_a_recording_with_two_labels_is_left_out_and_told(bare: Project) -> None:
    rows = pl.read_csv(bare.folder / "source" / "manifest.csv")
    other = next(label for label in SETTINGS["classes"] if label != rows["label"][0])
    name_again(bare, other)
    output = said(bare)
    named = f'"again" is {other}, "{rows["clip_id"][0]}" is {rows["label"][0]}'
    assert f"1 recordings left out: one and the same has several labels, as in: {named}" in output
    assert "23 clips of 6 speakers" in output


def test_a_recording_that_is_labelled_under_one_of_its_names_is_learnt_from(bare: Project) -> None:
    name_again(bare, None)
    output = said(bare)
    assert "24 clips of 6 speakers" in output
    assert "left out" not in output


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"trainable": "all"}, "source: `trainable`: the encoder logmel has no weights to train"),
        ({"trainable": "some"}, "source.trainable: must be 'none' or 'all', got 'some'"),
        ({"trainable": {"top": 0}}, "source.trainable.top: must be greater than or equal to 1, got 0"),
        ({"epoch": 3}, 'source.epoch: unknown setting. Did you mean "epochs"?'),
    ],
)
def test_check_names_a_mistake_as_it_stands_in_the_file(bare: Project, given: dict[str, Any], told: str) -> None:
    bare.change(source=SOURCE | given)
    result = bare.mifuse("check")
    assert result.exit_code == 2
    assert told in result.output


def stop(project: Project, sent: signal.Signals) -> tuple[int, str]:
    """Starts a training in a process of its own and sends it the signal once its first epochs are kept."""
    where = ["--pipelines", str(project.folder / "pipelines.yaml"), "--cache", str(project.cache)]
    command = [sys.executable, "-m", "flows", "train-source", *where, "small"]
    kept, told = project.cache / "work", project.folder / "told.txt"
    with told.open("wb") as file:
        # A session of its own: the signal reaches Prefect's temporary server too, as it does from a terminal.
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        # It says nothing when it keeps an epoch.
        wait_for(lambda: list(kept.glob("train_source-*/seed-0/checkpoint.pt")), process, every_s=0.01)
        os.killpg(process.pid, sent)
        process.wait(timeout=60)
    return process.returncode, told.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_stopped_it_goes_on_and_ends_in_the_same_bytes(
    bare: Project, contents: Contents, sent: signal.Signals, code: int
) -> None:
    bare.change(source=SOURCE | {"epochs": 60, "batch_size": 2, "patience": 60})
    found, output = stop(bare, sent)
    assert found == code, output
    assert ("interrupted: what was finished or paid for is kept; the same command goes on" in output) == (code == 130)
    assert not (bare.folder / "classifier").exists()
    assert "goes on where it was stopped" in said(bare)
    resumed = contents(bare.folder / "classifier")
    assert "goes on" not in said(bare, "--force")
    assert contents(bare.folder / "classifier") == resumed


def predict(project: Project) -> Any:
    paths = sorted((project.folder / "source" / "audio").iterdir())
    files = [AudioFile(sha256_of_file(path), path, 1.0) for path in paths]
    probs_NC, _ = predict_files(project.folder / "classifier", files, project.cache / "features", "cpu")
    return probs_NC


@pytest.mark.parametrize(
    "given",
    [
        {"trainable": {"top": 1}},
        {"trainable": "all", "pooling": "attentive"},
        {"pooling": "attentive"},
        {"pooling": "attentive", "frames": "recompute"},
    ],
    ids=["top", "all, attentive", "frames stored", "frames heard anew"],
)
def test_a_pretrained_encoder_may_be_trained_and_its_frames_pooled(bare: Project, given: dict[str, Any]) -> None:
    encoder = {"kind": "huggingface", "model": str(save_wavlm(bare.folder / "wavlm"))}
    bare.change(source=SOURCE | {"encoder": encoder, "epochs": 2, "batch_size": 8} | given)
    output = said(bare)
    config = read_config(bare.folder / "classifier")
    check_encoder(config, bare.folder / "classifier")
    assert config.pooling == given.get("pooling", "mean")
    own = "trainable" in given
    assert (bare.folder / "classifier" / "encoder" / "model.safetensors").exists() == own
    assert ("kept as it was after" in output) == own
    probs_NC = predict(bare)
    assert probs_NC.shape == (24, 4)
    assert probs_NC.std(axis=0).max() > 1e-4
