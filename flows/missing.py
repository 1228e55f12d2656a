"""What a sound pipeline names that does not lie there yet: told by `mifuse check`, no mistake of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from flows.settings import PipelineSettings
from flows.train_job import check_accelerate
from tasks.contracts.errors import TrainingError
from tasks.encoders import Part, parts_of
from tasks.networks.folder_parts import folder_of
from tasks.networks.label_signal_settings import LabelSignalPooling
from tasks.storage.clips import ClipsSettings
from tasks.storage.file_systems import missing_package
from tasks.students import StudentSettings
from tasks.students.cohort import CohortSettings
from tasks.students.finetune_settings import FineTuneSettings
from tasks.students.label_signal import LabelSignalSettings
from tasks.teachers.zero_shot import missing_model


def not_there(settings: PipelineSettings) -> list[str]:
    """A line per setting whose folder or file is missing, and what makes or names it."""
    missing = list(_of_clips("clips", settings.clips))
    if settings.source is not None:
        missing += _of_clips("source.clips", settings.source.clips)
    classifier = settings.classifier.path
    if not classifier.is_dir():
        how = "`mifuse train-source` makes it" if settings.source else "give its folder, or `source` to train one"
        missing.append(f"teachers.{settings.classifier_name}.path: {_no('folder', classifier)}; {how}")
    for name, teacher in settings.zero_shot.items():
        if (model := missing_model(teacher)) is not None:
            missing.append(f"teachers.{name}.model: {_no('folder', model)}; put a CLAP there, or name one on the hub")
    missing += _of_models(settings)
    gold = settings.evaluate.gold
    if isinstance(gold, Path) and not gold.is_file():
        missing.append(f"evaluate.gold: {_no('file', gold)}")
    urls = {"evaluate.gold": gold, "publish": settings.publish.url if settings.publish else None}
    missing += _packages(urls)
    return missing + list(_of_processes(settings.student))


def _of_models(settings: PipelineSettings) -> Iterator[str]:
    source, student = settings.source, settings.student
    named: dict[str, Part | None] = {}
    if source is not None:
        parts = parts_of(source.encoder)
        named |= {f"source.encoder{f'.parts.{n}' * (len(parts) > 1)}": part for n, part in enumerate(parts)}
        named["source.pooling.words"] = source.pooling.words if isinstance(source.pooling, LabelSignalPooling) else None
    if isinstance(student, CohortSettings):
        named |= {f"student.representations.{n}": each for n, each in enumerate(student.representations)}
    if isinstance(student, LabelSignalSettings):
        named["student.pooling.words"] = student.pooling.words
    for key, part in named.items():
        folder = folder_of(part) if part is not None else None
        if folder is not None and not folder.is_dir():
            yield f"{key}.model: {_no('folder', folder)}; put the model there, or name one on the hub"


def _of_clips(key: str, clips: ClipsSettings) -> Iterator[str]:
    if isinstance(clips.folder, Path) and not clips.folder.is_dir():
        yield f"{key}.folder: {_no('folder', clips.folder)}; put the audio there, or change the path"
    if isinstance(clips.manifest, Path) and not clips.manifest.is_file():
        yield f"{key}.manifest: {_no('file', clips.manifest)}"
    yield from _packages({f"{key}.folder": clips.folder, f"{key}.manifest": clips.manifest})


def _of_processes(student: StudentSettings) -> Iterator[str]:
    if isinstance(student, FineTuneSettings) and student.processes > 1:
        try:
            check_accelerate(student.processes)
        except TrainingError as error:
            yield str(error).removesuffix(".")


def _packages(locations: Mapping[str, Path | str | None]) -> Iterator[str]:
    """No look at what lies there: `mifuse check` goes to no network."""
    for key, location in locations.items():
        if isinstance(location, str) and (package := missing_package(location)):
            yield f"{key}: {package}"


def _no(kind: str, path: Path) -> str:
    """Which of the folders above it is there, where that is not the next one."""
    path = path.resolve()
    there = next(folder for folder in path.parents if folder.is_dir())
    return f"no {kind} {path}" + ("" if there == path.parent else f" ({there} is there)")
