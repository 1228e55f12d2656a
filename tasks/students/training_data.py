"""Tables and features → what a trainer is given: each audio once, in an order that no file name decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from tasks.contracts.errors import TrainingError
from tasks.contracts.tables import p_columns
from tasks.encoders import RepresentationSettings
from tasks.encoders.clip_files import files_in
from tasks.encoders.features import AudioFile, Features, features_of
from tasks.fusion import Rule
from tasks.fusion.base import Draws
from tasks.fusion.completing import completed, lacking
from tasks.networks.config import ClassifierConfig
from tasks.networks.heard import features_for
from tasks.storage.clips import each_audio_once, read_usable_clips, speakers_of
from tasks.storage.draws import read_draws
from tasks.storage.seen import read_seen
from tasks.students import StudentSettings
from tasks.students.base import TrainingData
from tasks.students.cohort import CohortSettings
from tasks.students.finetune import clips_in_training
from tasks.students.finetune_settings import FineTuneSettings
from tasks.students.label_signal import LabelSignalSettings
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.processes import Alone, Processes
from tasks.teachers.mc_dropout import MCDropoutSettings


@dataclass(frozen=True)
class Inputs:
    """Where everything lies.

    Attributes:
        pseudo_labels: `pseudo_labels.parquet`.
        folder: What its paths are relative to.
        draws: Each teacher's table, in the order of the teachers.
        features: The folder of stored features.
        seen: `seen.parquet`, for rules that look at the clips.
        clips: `clips.parquet`, for trainers that ask who speaks, and for what is said.
        lacks: Classes that teachers have never met, by the teachers' names.
    """

    pseudo_labels: Path
    folder: Path
    draws: dict[str, Path]
    features: Path
    seen: Path | None
    clips: Path | None
    lacks: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def lacking(self, teachers: Sequence[str], classes: Sequence[str]) -> NDArray[np.bool_]:
        """Which classes these teachers have never met, shape (T, C)."""
        return lacking(self.lacks, teachers, classes)


@dataclass(frozen=True)
class Start:
    """What the student starts from.

    Attributes:
        settings: Of the source-trained teacher.
        name: Among the teachers: its draws are made anew in training.
        config: As its folder says.
    """

    settings: MCDropoutSettings
    name: str
    config: ClassifierConfig

    def stored(self, files: Sequence[AudioFile], features: Path) -> Features:
        """What its head hears of the files, from its encoder as it is."""
        return features_for(
            self.config, files, features, batch_seconds=self.settings.batch_seconds, device=self.settings.device
        )

    def represented(self, encoder: RepresentationSettings, files: Sequence[AudioFile], features: Path) -> Features:
        """What another encoder makes of the files, computed where it is not stored yet."""
        return features_of(
            files, encoder, features, batch_seconds=self.settings.batch_seconds, device=self.settings.device
        )


def training_data(
    student: StudentSettings, rule: Rule, start: Start, of: Inputs, processes: Processes | None = None
) -> tuple[TrainingData, list[str]]:
    """What this trainer asks for and nothing more, in the order of sha256, and the sha256s.

    Raises:
        TrainingError: Fewer than two clips have a pseudo-label.
    """
    classes = start.config.classes
    rows = _labelled(of.pseudo_labels, classes)
    sha256s = rows["sha256"].to_list()
    data = _labels_and_features(student, start, rows, of, processes)
    if student.uses == "rule":
        data = _with_rule(data, rule, start, sha256s, of)
    elif student.uses != "labels":
        data = _with_others_word(data, student, start, sha256s, of)
    if student.uses == "views" or isinstance(student, CohortSettings):
        assert of.clips is not None, "the trainer asks who speaks: clips is needed"
        data = replace(data, speakers=speakers_of(read_usable_clips(of.clips), sha256s))
    return data, sha256s


def _with_others_word(
    data: TrainingData, student: StudentSettings, start: Start, sha256s: list[str], of: Inputs
) -> TrainingData:
    """What the other teachers said; where the classifier's word is not asked for, completed by each other alone."""
    names = [name for name in of.draws if name != start.name]
    draws = [_draws(of.draws[name], sha256s, start.config.classes) for name in names]
    if student.uses == "views":
        return replace(data, draws=draws, lacks_TC=of.lacking([*names, start.name], start.config.classes))
    return replace(data, draws=completed(draws, of.lacking(names, start.config.classes)) if draws else [])


def _labelled(pseudo_labels: Path, classes: Sequence[str]) -> pl.DataFrame:
    columns = ["sha256", "path", "duration_s", *p_columns(classes)]
    rows = each_audio_once(pl.read_parquet(pseudo_labels, columns=columns).drop_nulls(p_columns(classes)))
    if rows.height < 2:
        raise TrainingError(f"{rows.height} clips have a pseudo-label; training needs at least 2.")
    return rows


def _labels_and_features(
    student: StudentSettings, start: Start, rows: pl.DataFrame, of: Inputs, processes: Processes | None
) -> TrainingData:
    """Stored features; or the encoder itself, where it is trained too."""
    files = files_in(rows, of.folder, read_usable_clips(of.clips) if of.clips is not None else None)
    tuned = isinstance(student, FineTuneSettings) and student.fine_tunes
    looks_ahead = isinstance(student, MIFuseSettings) and student.looks_ahead
    if isinstance(student, LabelSignalSettings):
        start = replace(start, config=student.hearing(start.config))
    return TrainingData(
        features=clips_in_training(student, start.settings, start.config, files, processes or Alone())
        if isinstance(student, FineTuneSettings) and tuned
        else start.stored(files, of.features),
        # In the classifier's order of classes, so that names do not matter.
        labels_NC=torch.from_numpy(rows.select(p_columns(start.config.classes)).to_numpy().astype(np.float32)),
        draws=[],
        rule=None,
        classifier_draws=start.settings.draws,
        names=rows["path"].to_list(),
        stored=start.stored(files, of.features) if tuned and looks_ahead else None,
        others=[start.represented(each, files, of.features) for each in student.beside(start.config.encoder)]
        if isinstance(student, CohortSettings)
        else (),
    )


def _with_rule(data: TrainingData, rule: Rule, start: Start, sha256s: list[str], of: Inputs) -> TrainingData:
    """Fits the rule on all teachers' draws as they stand, then takes the classifier's away: they are made anew."""
    teachers = {name: _draws(path, sha256s, start.config.classes) for name, path in of.draws.items()}
    seen_ND = torch.from_numpy(read_seen(of.seen, sha256s)) if of.seen is not None else None
    whole = completed(list(teachers.values()), of.lacking(list(teachers), start.config.classes))
    fitted = rule.fit(whole, list(teachers), seen_ND)
    fixed = [None if name == start.name else teacher for name, teacher in zip(teachers, whole, strict=True)]
    return replace(data, draws=fixed, rule=fitted, seen_ND=seen_ND)


def _draws(path: Path, sha256s: list[str], classes: Sequence[str]) -> Draws:
    probs_NKC, valid_NK = read_draws(path, sha256s, classes)
    return Draws(torch.from_numpy(probs_NKC.astype(np.float32)), torch.from_numpy(valid_NK))
