"""The stage with a pretrained encoder: a transformers checkpoint as it is, and one that was fine-tuned."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.encoders.features import AudioFile
from tasks.maths.threads import one_thread
from tasks.networks.config import read_config
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.predict import predict_files
from tasks.students.mi_fuse import MIFuseSettings
from tasks.teachers.mc_dropout import MCDropoutSettings
from tests.networks.audio_classifiers import save_audio_classifier

SmallRun = Any  # of conftest.py, which no test can import
SHORT = MIFuseSettings(recipe="paper", steps=30, batch_size=8, learning_rate=0.01, teacher_refresh="never")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


LABELS = {"ang": "angry", "hap": "happy", "exc": "neutral", "oth": "sad"}


def predicted(run: SmallRun, student: Path, features: Path) -> tuple[np.ndarray[Any, Any], list[str]]:
    clips = pl.read_parquet(run.clips).select("sha256", "path", "duration_s")
    files = [AudioFile(sha256, run.folder / path, seconds) for sha256, path, seconds in clips.iter_rows()]
    return predict_files(student, files, features)


def test_a_student_of_a_transformers_checkpoint_hears_with_the_checkpoints_encoder(
    small_run: SmallRun, tmp_path: Path
) -> None:
    checkpoint = save_audio_classifier(tmp_path / "checkpoint", "wavlm")
    given = {"classifier": MCDropoutSettings(path=checkpoint, labels=LABELS, dropout_rate=0.3)}
    small_run.train(tmp_path, student=SHORT, **given)
    config = read_config(tmp_path / "student")
    assert (config.classes, config.dropout) == (["angry", "happy", "neutral", "sad"], 0.3)
    assert config.encoder == read_config(checkpoint).encoder
    probs_NC, _ = predicted(small_run, tmp_path / "student", tmp_path / "features")
    assert probs_NC.shape == (16, 4)


def test_a_student_carries_a_fine_tuned_encoder_with_it(small_run: SmallRun, tmp_path: Path) -> None:
    """What it says is the same after the classifier has gone and the student's folder was moved."""
    head, config = load_classifier(save_audio_classifier(tmp_path / "tuned", "wavlm"), LABELS)
    save_classifier(tmp_path / "classifier", head, config, tmp_path / "tuned")
    given = {"classifier": MCDropoutSettings(path=tmp_path / "classifier"), "features": tmp_path / "features"}
    small_run.train(tmp_path, student=SHORT, **given)
    before_NC, _ = predicted(small_run, tmp_path / "student", tmp_path / "features")
    shutil.rmtree(tmp_path / "classifier")
    shutil.rmtree(tmp_path / "tuned")
    moved = (tmp_path / "student").rename(tmp_path / "moved")
    after_NC, classes = predicted(small_run, moved, tmp_path / "none stored")
    assert classes == ["angry", "happy", "neutral", "sad"]
    np.testing.assert_allclose(after_NC, before_NC, atol=1e-6)
