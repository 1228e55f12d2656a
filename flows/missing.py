"""What a sound pipeline names that does not lie there yet: told by `mifuse check`, no mistake of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flows.settings import PipelineSettings
from tasks.storage.clips import ClipsSettings


def not_there(settings: PipelineSettings) -> list[str]:
    """A line per setting whose folder or file is missing, and what makes or names it."""
    missing = list(_of_clips("clips", settings.clips))
    if settings.source is not None:
        missing += _of_clips("source.clips", settings.source.clips)
    classifier = settings.classifier.path
    if not classifier.is_dir():
        how = "`mifuse train-source` makes it" if settings.source else "give its folder, or `source` to train one"
        missing.append(f"teachers.{settings.classifier_name}.path: {_no('folder', classifier)}; {how}")
    gold = settings.evaluate.gold
    return missing + ([f"evaluate.gold: {_no('file', gold)}"] if gold and not gold.is_file() else [])


def _of_clips(key: str, clips: ClipsSettings) -> Iterator[str]:
    if not clips.folder.is_dir():
        yield f"{key}.folder: {_no('folder', clips.folder)}; put the audio there, or change the path"
    if clips.manifest is not None and not clips.manifest.is_file():
        yield f"{key}.manifest: {_no('file', clips.manifest)}"


def _no(kind: str, path: Path) -> str:
    """Which of the folders above it is there, where that is not the next one."""
    path = path.resolve()
    there = next(folder for folder in path.parents if folder.is_dir())
    return f"no {kind} {path}" + ("" if there == path.parent else f" ({there} is there)")
