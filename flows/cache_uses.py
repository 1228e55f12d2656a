"""Who uses the cache: the pipelines that have a folder in it, those of pipelines.yaml, and what each needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from flows.place import Place
from flows.settings import read_pipelines
from flows.zero_shot_amount import audio_repeats
from tasks.contracts.errors import MifuseError, SettingsError
from tasks.encoders import RepresentationSettings, parts_of
from tasks.encoders.storing import store_folder
from tasks.networks.config import CONFIG_FILE, read_config
from tasks.storage.unused import pipeline_folders
from tasks.students.cohort import CohortSettings
from tasks.teachers.mc_dropout import own_config
from tasks.teachers.shards import draw_job


@dataclass(frozen=True)
class CacheUser:
    """One pipeline.

    Attributes:
        place: Where it works, with its settings; None where these cannot be told.
        why_not: Why they cannot be told; empty where they can.
    """

    name: str
    place: Place | None
    why_not: str = ""


@dataclass(frozen=True)
class SharedUse:
    """The folders below `features` and `mc_draws` that a pipeline's present settings read.

    Attributes:
        features: Of its encoders' time means; their frames lie beside them.
        why_not: Why that cannot be told in full; empty where it can.
    """

    features: frozenset[str] = frozenset()
    mc_draws: frozenset[str] = frozenset()
    why_not: str = ""

    def reads(self, folder: Path) -> bool:
        """Is this folder below `features` or `mc_draws` one of them?"""
        if folder.parent.name == "features":
            return folder.name.removesuffix("-frames") in self.features
        return folder.name in self.mc_draws


def cache_users(cache: Path, pipelines: Path) -> list[CacheUser]:
    """The pipelines with a folder in the cache, then those that pipelines.yaml names besides."""
    named = names_in(pipelines)
    cached = [folder.name for folder in pipeline_folders(cache)]
    return [_user(name, cache, pipelines, named) for name in dict.fromkeys([*cached, *(named or [])])]


def names_in(pipelines: Path) -> list[str] | None:
    """The names below `pipelines:`, whatever mistakes are below them; None where the file cannot be read."""
    try:
        content = yaml.safe_load(pipelines.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return None
    found = content.get("pipelines") if isinstance(content, dict) else None
    return [str(name) for name in found] if isinstance(found, dict) else None


def _user(name: str, cache: Path, pipelines: Path, named: Sequence[str] | None) -> CacheUser:
    own = cache / name / "pipelines.yaml"  # `mifuse demo` has one
    file = pipelines if name in (named or ()) else own
    if file == own and not own.is_file():
        return CacheUser(name, None, f"not in {pipelines.name}" if named is not None else f"{pipelines} cannot be read")
    try:
        return CacheUser(name, Place(name, read_pipelines(file, only=name)[name], cache, file))
    except SettingsError:
        return CacheUser(name, None, f"has mistakes in {file}, see `mifuse check`")


def shared_use(user: CacheUser) -> SharedUse:
    """What the user's classifier, its source training and its student read of the shared folders."""
    if user.place is None:
        return SharedUse(why_not=user.why_not)
    try:
        return SharedUse(_features(user.place), _draws(user.place))
    except MifuseError as error:  # such as a classifier that is not trained yet
        return SharedUse(why_not=str(error))


def _features(place: Place) -> frozenset[str]:
    teacher, source, student = place.settings.classifier, place.settings.source, place.shown("student")
    encoders: list[RepresentationSettings] = [own_config(teacher).encoder]
    encoders += [source.encoder] if source else []
    for name, asked in place.settings.zero_shot.items():
        encoders += [asked.encoder(audio) for audio in audio_repeats(place, name)]
    encoders += [read_config(student).encoder] if (student / CONFIG_FILE).is_file() else []
    encoders += place.settings.student.representations if isinstance(place.settings.student, CohortSettings) else []
    return frozenset(store_folder(part, Path()).name for each in {*encoders} for part in parts_of(each))


def _draws(place: Place) -> frozenset[str]:
    teacher, statistics = place.settings.classifier, place.statistics()
    if statistics is not None and not statistics.is_file():
        return frozenset()  # nothing has been drawn with them yet
    config = own_config(teacher)
    return frozenset([draw_job(teacher, config, statistics, Path()).kept.name])
