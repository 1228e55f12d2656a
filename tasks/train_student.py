"""Stage: `pseudo_labels.parquet` and stored features → `student/`, a folder that `mifuse predict` loads."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.progress import progress_bar
from tasks.fusion import Rule
from tasks.students import StudentSettings
from tasks.teachers.mc_dropout import MCDropoutSettings

if TYPE_CHECKING:
    from tasks.encoders.features import Features
    from tasks.networks.config import ClassifierConfig
    from tasks.students.processes import Processes
    from tasks.students.warm_start import LastStudent


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
    seen: Path | None = None,
    clips: Path | None = None,
    processes: Processes | None = None,
    last: LastStudent | None = None,
    lacks: Mapping[str, Sequence[str]] = {},
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
        work: For the checkpoint, and `curves.jsonl`, to which the curves are written as they come.
        out: `student/`.
        statistics: The target's, in the place of the classifier's own; the student carries them in its weights.
        seen: `seen.parquet`, for rules that look at the clips; only where the fusion is repeated.
        clips: `clips.parquet`, for trainers that ask who speaks, and for what is said.
        processes: This process among those that fine-tune one student together; all but the first write nothing.
        last: With `student.warm_start`: the student to go on from, where there is one.
        lacks: Classes that teachers have never met, by the teachers' names.
    """
    from tasks.networks.folder import load_classifier, save_classifier
    from tasks.networks.folder_parts import own_parts
    from tasks.networks.opening import opened_head
    from tasks.networks.statistics import read_statistics
    from tasks.students.checkpoints import read_checkpoint, write_checkpoint
    from tasks.students.curves import CurveFile
    from tasks.students.folder import write_training
    from tasks.students.symptoms import symptoms_after, symptoms_before
    from tasks.students.training_data import Inputs, Start, training_data
    from tasks.students.warm_start import beginning

    head, config = load_classifier(classifier.path, classifier.labels, classifier.dropout_rate, classifier.placed)
    if classifier.lacks:
        head = opened_head(head, classifier.lacks)
        config = head.config
    if statistics is not None:
        head.standardise_by(read_statistics(statistics))
    begin = beginning(student, last, config)
    student = begin.student
    start = Start(classifier, classifier_name, config)
    of = Inputs(pseudo_labels, folder, draws, features, seen, clips, lacks)
    data, sha256s = training_data(student, rule, start, of, processes)
    is_first = processes is None or processes.rank == 0
    own_labels = student.uses == "views"  # what is wrong with these is known once the trainer has made them
    warnings = list(begin.warnings)
    warnings += [] if own_labels else symptoms_before(data, config.classes, student.model_dump())
    _tell(warnings if is_first else [])
    resume = read_checkpoint(work)
    curves = CurveFile(work / "curves.jsonl", resume.curves if resume else ()) if is_first else None
    if curves is not None:
        print(f"  curves, as they come: {curves.path}", file=sys.stderr, flush=True)
    with progress_bar("training the student", student.steps, "steps") as bar:
        bar.update(resume.step if resume else 0)
        trained = student.train(
            head,
            data,
            config.classes,
            resume,
            keep=lambda point: write_checkpoint(work, point),
            report=bar.update,
            note=curves.add if curves else lambda point: None,
            **begin.given,
        )
    if not is_first:
        return {}  # the first process writes what is the same in all
    encoder, parts = _encoder_folder(data.features, classifier, config, out), own_parts(classifier.path, config)
    save_classifier(out, trained.head, trained.head.config, encoder, parts)
    learnt = data if trained.labels_NC is None else replace(data, labels_NC=trained.labels_NC)
    after = symptoms_before(learnt, config.classes, student.model_dump()) if own_labels else []
    after += trained.warnings
    after += symptoms_after(trained, learnt.labels_NC, config.classes, student.model_dump(), went_on=bool(begin.given))
    _tell(after)
    write_training(out, trained, sha256s, config.classes, warnings + after, begin.told)
    told = {"clips": len(data), "steps": student.steps, "loss": round(trained.curves[-1]["loss"], 4)}
    return told | {"warnings": len(warnings) + len(after)} | begin.told


def _tell(warnings: Sequence[str]) -> None:
    for warning in warnings:
        print(f"  warning: {warning}", file=sys.stderr, flush=True)


def _encoder_folder(heard: Features, classifier: MCDropoutSettings, config: ClassifierConfig, out: Path) -> Path | None:
    """The encoder that goes into the student's folder: the one in training, or one that the classifier carries."""
    from tasks.networks.folder import ENCODER_FOLDER, own_encoder
    from tasks.students.finetune_network import ClipsInTraining

    if not isinstance(heard, ClipsInTraining):
        return own_encoder(classifier.path, config)
    heard.save(out / ENCODER_FOLDER)
    return out / ENCODER_FOLDER
