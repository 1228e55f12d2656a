"""`mifuse export`: a pipeline's student as a folder to be given away, with a model card generated from the run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.place import Place, open_place
from tasks.contracts.errors import TableError
from tasks.contracts.tables import clips_schema, predictions_schema, pseudo_labels_schema
from tasks.encoders.batches import AudioFile
from tasks.storage.clips import each_audio_once
from tasks.storage.tables import read_metadata, read_table
from tasks.teachers import PaidSettings

if TYPE_CHECKING:
    from tasks.evaluation.model_card import CardTeacher
    from tasks.networks.config import ClassifierConfig


def export_pipeline(name: str, folder: Path, pipelines: Path, cache: Path, *, onnx: bool) -> None:
    """Writes the folder, whole or not at all.

    Reads: `student/`, `clips.parquet`, `pseudo_labels.parquet`, `predictions.parquet`, `metrics.json`; with `onnx`
    some recordings. Gold only as the figures that evaluation made of it.

    Raises:
        TableError: The pipeline's results are stale, so that the card would tell of another student than this.
        CheckpointError: The folder is not empty, the student's encoder is gone, or ONNX disagrees with torch.
    """
    from tasks.evaluation.model_card import CardData, render_card
    from tasks.networks.config import read_config
    from tasks.networks.export import appearing, export_student
    from tasks.networks.folder import own_encoder

    if onnx:
        from tasks.networks.export_onnx import check_installed

        check_installed()
    place = open_place(name, pipelines, cache)
    _check_fresh(place)
    student, classes, teachers = place.shown("student"), place.settings.classes, list(place.settings.teachers)
    with appearing(folder) as made:
        trained = read_config(student)
        config = export_student(student, made)
        written = _onnx(place, student, config, made / "onnx") if onnx else []
        labels = place.shown("pseudo_labels.parquet")
        data = CardData(
            pipeline=name,
            config=config,
            encoder_name=None if own_encoder(student, trained) else _folder_name(trained),
            teachers=_teachers(place, read_metadata(labels)),
            clips=read_table(place.shown("clips.parquet"), clips_schema()),
            pseudo_labels=read_table(labels, pseudo_labels_schema(classes, teachers)),
            predictions=read_table(place.shown("predictions.parquet"), predictions_schema(classes)),
            metrics=_metrics(place),
            settings={"fuse": place.settings.fuse.fingerprint(), "student": place.settings.student.fingerprint()},
            versions={package: version(package) for package in ("mifuse", "torch", "transformers")},
            onnx=written,
            warm_starts=_warm_starts(student),
        )
        (made / "README.md").write_text(render_card(data), encoding="utf-8")
    _tell(folder, onnx=onnx, whole="model.onnx" in written)


def _check_fresh(place: Place) -> None:
    """Whatever the card tells must be of the student that lies there."""
    for verdict in place.examine():
        if verdict.node.stage in ("train_student", "evaluate_student") and not verdict.is_fresh:
            raise TableError(
                f"{place.name}: {verdict.node.name} is stale: {'; '.join(map(str, verdict.reasons))}. A model card of "
                f"it would tell of another run. `mifuse run {place.name}` first."
            )


def _warm_starts(student: Path) -> int:
    from tasks.students.folder import STARTED_FILE

    started = student / STARTED_FILE
    return int(json.loads(started.read_text(encoding="utf-8"))["warm_starts"]) if started.is_file() else 0


def _onnx(place: Place, student: Path, config: ClassifierConfig, folder: Path) -> list[str]:
    from tasks.networks.export_onnx import export_onnx
    from tasks.networks.folder import load_classifier

    head, _ = load_classifier(student)
    return [path.name for path in export_onnx(head, config, folder, _some_clips(place))]


def _some_clips(place: Place) -> list[AudioFile]:
    """The shortest clip, the longest and the one in the middle: a graph may be right for one length only."""
    clips = read_table(place.shown("clips.parquet"), clips_schema()).filter(pl.col("status") == "ok")
    rows = each_audio_once(clips).sort("duration_s", "sha256").select("sha256", "path", "duration_s").rows()
    folder = place.clips_folder
    return [AudioFile(s, folder / p, d) for s, p, d in (rows[n] for n in sorted({0, len(rows) // 2, len(rows) - 1}))]


def _folder_name(config: ClassifierConfig) -> str | None:
    from tasks.encoders.joined import JoinedSettings
    from tasks.networks.folder_parts import folder_of

    encoder = config.encoder
    folder = None if isinstance(encoder, JoinedSettings) else folder_of(encoder)
    return folder.name if folder else None


def _teachers(place: Place, metadata: dict[str, str]) -> Sequence[CardTeacher]:
    from tasks.evaluation.model_card import CardTeacher

    answered: dict[str, list[str]] = json.loads(metadata["model_versions"])
    return [
        CardTeacher(
            name=name,
            kind=teacher.kind,
            version=", ".join(answered[name]),
            draws=_draws(teacher.least_draws, teacher.most_draws)
            if isinstance(teacher, PaidSettings)
            else f"{teacher.draws}",
        )
        for name, teacher in place.settings.teachers.items()
    ]


def _draws(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"


def _metrics(place: Place) -> dict[str, Any] | None:
    """None without gold."""
    metrics: dict[str, Any] = json.loads(place.shown("metrics.json").read_text(encoding="utf-8"))
    return None if "summary" in metrics else metrics


def _tell(folder: Path, *, onnx: bool, whole: bool) -> None:
    print(f"student → {folder}  (README.md is its model card: fill in the licence before you publish it)")
    if onnx and whole:
        print("onnx/model.onnx takes 16 kHz waves, onnx/head.onnx features; both agree with torch on real clips")
    elif onnx:
        print("onnx/head.onnx takes features; logmel computes statistics, which ONNX has no words for: no model.onnx")
