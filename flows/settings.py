"""`pipelines.yaml` as typed models; every mistake in it is told at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from flows.mistakes import mistakes_in
from flows.parts_fit import mistakes_between_parts
from flows.schedule import ScheduleSettings
from flows.strict_yaml import read_yaml
from tasks.contracts.errors import SettingsError
from tasks.contracts.locations import Location
from tasks.contracts.settings import OPERATIONAL, Name, Settings
from tasks.fusion import Rule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.storage.clips import ClipsSettings
from tasks.storage.publishing import PublishSettings
from tasks.students import StudentSettings
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.source_settings import SourceSettings
from tasks.teachers import PaidSettings, TeacherSettings
from tasks.teachers.mc_dropout import MCDropoutSettings
from tasks.teachers.zero_shot import ZeroShotSettings

# Folders of the cache that all pipelines share; a pipeline's own folder stands beside them.
SHARED_FOLDERS = ("answers", "audio", "features", "fetched", "mc_draws", "store", "work")


def _distinct(classes: list[str]) -> list[str]:
    if len(set(classes)) != len(classes):
        raise ValueError("each class must be named once")
    return classes


class EvaluateSettings(Settings):
    """`evaluate:` gold labels from elsewhere than the manifest: a table of clip_id and label."""

    gold: Location | None = None


class PipelineSettings(Settings):
    """One entry of `pipelines:`."""

    classes: Annotated[list[Name], Field(min_length=2), AfterValidator(_distinct)]
    clips: ClipsSettings
    teachers: dict[str, TeacherSettings]
    fuse: Rule = MutualInformationRule()
    student: StudentSettings = MIFuseSettings()
    source: SourceSettings | None = None
    evaluate: EvaluateSettings = EvaluateSettings()
    schedule: ScheduleSettings | None = Field(None, json_schema_extra=OPERATIONAL)
    publish: PublishSettings | None = Field(None, json_schema_extra=OPERATIONAL)

    @model_validator(mode="before")
    @classmethod
    def _rule_by_recipe(cls, given: Any) -> Any:
        """Where nothing is said of `fuse`, the rule that goes with the student's recipe."""
        if not isinstance(given, dict) or given.get("fuse") is not None:
            return given
        student = given.get("student") or {}
        said = student.model_dump() if isinstance(student, Settings) else student
        if not isinstance(said, dict):
            return given
        kind = said.get("kind", "mi_fuse")
        best = kind == "mi_fuse" and said.get("recipe", "best") == "best"
        # What these learn from by default is what the table should show.
        best = best or (kind in ("cohort", "label_signal") and said.get("labels", "generative") == "generative")
        return given | {"fuse": {"kind": "generative"}} if best else given

    @model_validator(mode="after")
    def _parts_fit_together(self) -> PipelineSettings:
        if mistakes := list(mistakes_between_parts(self)):
            raise ValueError("\n".join(mistakes))
        return self

    @property
    def paid(self) -> dict[str, PaidSettings]:
        """The teachers behind an API, by name."""
        return {name: teacher for name, teacher in self.teachers.items() if isinstance(teacher, PaidSettings)}

    @property
    def zero_shot(self) -> dict[str, ZeroShotSettings]:
        """The dual encoders, by name."""
        return {name: teacher for name, teacher in self.teachers.items() if isinstance(teacher, ZeroShotSettings)}

    @property
    def others(self) -> dict[str, PaidSettings | ZeroShotSettings]:
        """All teachers but the classifier, which the student starts from."""
        return {n: teacher for n, teacher in self.teachers.items() if not isinstance(teacher, MCDropoutSettings)}

    @property
    def lacks(self) -> dict[str, list[str]]:
        """Classes that teachers have never met, by the names of those that lack some."""
        declared = {name: getattr(teacher, "lacks", []) for name, teacher in self.teachers.items()}
        return {name: classes for name, classes in declared.items() if classes}

    @property
    def source_classes(self) -> list[str]:
        """What a source classifier of this pipeline is trained to tell apart."""
        return [name for name in self.classes if name not in self.classifier.lacks]

    @property
    def classifier_name(self) -> str:
        """The name of the one teacher that is a classifier."""
        return next(name for name, teacher in self.teachers.items() if isinstance(teacher, MCDropoutSettings))

    @property
    def classifier(self) -> MCDropoutSettings:
        """The one teacher that is a classifier."""
        teacher = self.teachers[self.classifier_name]
        assert isinstance(teacher, MCDropoutSettings)
        return teacher


def read_pipelines(path: Path, only: str | None = None) -> dict[str, PipelineSettings]:
    """All pipelines of the file, or only one, with `defaults:` filled in and paths made absolute.

    With `only`, a mistake in another pipeline is no matter: a nightly run is not stopped by a neighbour's.

    Raises:
        SettingsError: No such file, no YAML, or mistakes; all of them are listed.
    """
    content = read_yaml(path)
    defaults, pipelines = content.get("defaults") or {}, content.get("pipelines")
    if unknown := content.keys() - {"defaults", "pipelines"}:
        raise SettingsError(f"{path}: unknown key {_quoted(unknown)}. Known: defaults, pipelines.")
    if not isinstance(pipelines, dict) or not pipelines or not isinstance(defaults, dict):
        raise SettingsError(f"{path}: expected `pipelines:` with at least one named pipeline below it.")
    if only is not None:
        if only not in pipelines:
            raise SettingsError(f'{path}: no pipeline "{only}". Known: {", ".join(map(str, pipelines))}.')
        pipelines = {only: pipelines[only]}
    read: dict[str, PipelineSettings] = {}
    blocks: list[str] = []
    for name, given in pipelines.items():
        merged = {**defaults, **given} if isinstance(given, dict) else given
        try:
            _check_name(name)
            read[str(name)] = PipelineSettings.model_validate(merged, context={"folder": path.parent})
        except ValidationError as error:
            blocks.append(_block(path, str(name), mistakes_in(error, PipelineSettings, merged)))
        except ValueError as error:
            blocks.append(_block(path, str(name), [str(error)]))
    if blocks:
        raise SettingsError("\n".join(blocks))
    return read


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise ValueError(f"the name is read as {name!r}; put it into quotes")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name) or name in SHARED_FOLDERS:
        raise ValueError(
            f'"{name}" cannot name a pipeline: use letters, digits, "_" and "-", '
            f"and none of {', '.join(SHARED_FOLDERS)}"
        )


def _block(path: Path, name: str, mistakes: list[str]) -> str:
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return "\n".join([f'{path}, pipeline "{name}", {count}:', *(f"  {mistake}" for mistake in mistakes)])


def _quoted(names: set[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(map(str, names)))
