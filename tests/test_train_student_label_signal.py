"""The stage `train_student` with LSGMER's student: over frames where the classifier hears time means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import torch

from tasks.encoders.huggingface import HuggingFaceSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.folder import load_classifier, save_classifier
from tasks.networks.head import Head
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.students.label_signal import LabelSignalSettings
from tasks.teachers.mc_dropout import MCDropoutSettings
from tests.students.source_toys import save_wavlm

SmallRun = Any  # of conftest.py, which no test can import
SMALL: dict[str, Any] = {"size": 8, "heads": 2}


def student_of(**pooling: Any) -> LabelSignalSettings:
    return LabelSignalSettings(steps=6, batch_size=4, pooling=LabelSignalPooling(**SMALL | pooling))


def with_wavlm(run: SmallRun, folder: Path) -> SmallRun:
    """The same clips and labels under a classifier that hears time means of a small pretrained encoder."""
    encoder = HuggingFaceSettings(model=str(save_wavlm(folder / "wavlm")))
    given: dict[str, Any] = {"classes": run.classes, "n_layers": 3, "dim": 16, "hidden": 8}
    config = ClassifierConfig(encoder=encoder, encoder_identity=encoder.identity(), **given)
    torch.manual_seed(0)
    save_classifier(folder / "classifier", Head(config), config)
    return replace(run, teacher=MCDropoutSettings(path=folder / "classifier"))


def frames_heard(features: Path) -> list[str]:
    return [folder.name for folder in features.iterdir() if folder.name.endswith("frames")]


def test_a_student_comes_out_that_says_how_it_hears(small_run: SmallRun, tmp_path: Path) -> None:
    small_run.train(tmp_path, student=student_of())
    config = load_classifier(tmp_path / "student")[1]
    assert config.pooling == LabelSignalPooling(**SMALL)
    assert config.classes == load_classifier(small_run.teacher.path)[1].classes
    assert (pl.read_parquet(tmp_path / "student" / "curves.parquet")["loss_apc"] > 0).all()


def test_it_hears_frames_though_the_classifier_hears_their_means(small_run: SmallRun, tmp_path: Path) -> None:
    run, features = with_wavlm(small_run, tmp_path), tmp_path / "features"
    run.train(tmp_path, student=student_of(), features=features)
    config = load_classifier(tmp_path / "student")[1]
    assert config.hears_frames
    assert not load_classifier(run.teacher.path)[1].hears_frames
    assert len(frames_heard(features)) == 1


def test_of_time_means_it_hears_no_frames(small_run: SmallRun, tmp_path: Path) -> None:
    run, features = with_wavlm(small_run, tmp_path), tmp_path / "features"
    run.train(tmp_path, student=student_of(hears="means"), features=features)
    assert not load_classifier(tmp_path / "student")[1].hears_frames
    assert frames_heard(features) == []
