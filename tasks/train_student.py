"""Stage: `pseudo_labels.parquet` and stored features → `student/`, a folder that `mifuse predict` loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.errors import TrainingError
from tasks.contracts.progress import progress_bar
from tasks.contracts.tables import p_columns
from tasks.encoders.features import AudioFile
from tasks.fusion import Rule
from tasks.storage.clips import each_audio_once
from tasks.storage.draws import read_draws
from tasks.students import StudentSettings
from tasks.teachers.mc_dropout import MCDropoutSettings

if TYPE_CHECKING:
    from tasks.networks.config import ClassifierConfig
    from tasks.students.base import TrainingData


# NO_CACHE: freshness is decided by our stage records.
@task(name="train_student", cache_policy=NO_CACHE)
def train_student(
    student: StudentSettings,
    rule: Rule,
    classifier: MCDropoutSettings,
    classifier_name: str,
    pseudo_labels: Path,
    folder: Path,
    draws: dict[str, Path],
    features: Path,
    work: Path,
    out: Path,
    statistics: Path | None = None,
) -> dict[str, Any]:
    """Trains from the classifier on the fused labels; goes on from a checkpoint where a run was cut off.

    Args:
        student: The trainer and its settings.
        rule: The fusion rule, for trainers that repeat the fusion with the moving teacher.
        classifier: The source-trained teacher.
        classifier_name: Its name among the teachers: its draws are made anew in training.
        pseudo_labels: `pseudo_labels.parquet`.
        folder: What its paths are relative to.
        draws: Each teacher's table, in the order of the teachers.
        features: The folder of stored features.
        work: For the checkpoint.
        out: `student/`.
        statistics: The target's, in the place of the classifier's own; the student carries them in its weights.
    """
    from tasks.networks.folder import load_classifier, own_encoder, save_classifier
    from tasks.networks.statistics import read_statistics
    from tasks.students.checkpoints import read_checkpoint, write_checkpoint

    head, config = load_classifier(classifier.path, classifier.labels, classifier.dropout_rate)
    if statistics is not None:
        head.standardise_by(read_statistics(statistics))
    data, rows = _training_data(config, classifier, pseudo_labels, folder, features)
    if student.teacher_refresh != "never":
        data = _with_draws(data, rule, draws, classifier_name, rows["sha256"].to_list(), config.classes)
    resume = read_checkpoint(work)
    with progress_bar("training the student", student.steps, "steps") as bar:
        bar.update(resume.step if resume else 0)
        trained = student.train(
            head, data, config.classes, resume, keep=lambda point: write_checkpoint(work, point), report=bar.update
        )
    save_classifier(out, trained.head, config, own_encoder(classifier.path, config))
    pl.DataFrame(trained.curves).write_parquet(out / "curves.parquet")
    last = trained.curves[-1]
    return {"clips": len(data), "steps": student.steps, "loss": round(last["loss"], 4)}


def _training_data(
    config: ClassifierConfig, classifier: MCDropoutSettings, pseudo_labels: Path, folder: Path, features: Path
) -> tuple[TrainingData, pl.DataFrame]:
    """Everything in the order of sha256 and in the classifier's order of classes, so that names do not matter."""
    import torch

    from tasks.networks.heard import features_for
    from tasks.students.base import TrainingData

    columns = ["sha256", "path", "duration_s", *p_columns(config.classes)]
    rows = pl.read_parquet(pseudo_labels, columns=columns).drop_nulls(p_columns(config.classes))
    rows = each_audio_once(rows)
    if rows.height < 2:
        raise TrainingError(f"{rows.height} clips have a pseudo-label; training needs at least 2.")
    files = [AudioFile(s, folder / p, d) for s, p, d in rows.select("sha256", "path", "duration_s").iter_rows()]
    found = features_for(config, files, features, batch_seconds=classifier.batch_seconds, device=classifier.device)
    labels_NC = rows.select(p_columns(config.classes)).to_numpy().astype(np.float32)
    data = TrainingData(
        features=found,
        labels_NC=torch.from_numpy(labels_NC),
        draws=[],
        rule=None,
        classifier_draws=classifier.draws,
    )
    return data, rows


def _with_draws(
    data: TrainingData, rule: Rule, draws: dict[str, Path], classifier: str, sha256s: list[str], classes: list[str]
) -> TrainingData:
    """Fits the rule on all teachers' draws as they stand, then takes the classifier's away: they are made anew."""
    import torch

    from tasks.fusion.base import Draws

    teachers: dict[str, Draws] = {}
    for name, path in draws.items():
        probs_NKC, valid_NK = read_draws(path, sha256s, classes)
        teachers[name] = Draws(torch.from_numpy(probs_NKC.astype(np.float32)), torch.from_numpy(valid_NK))
    fitted = rule.fit(list(teachers.values()), list(teachers))
    fixed = [None if name == classifier else teacher for name, teacher in teachers.items()]
    return replace(data, draws=fixed, rule=fitted)
