"""`pipelines.yaml` as typed models; every mistake in it is told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from flows.mistakes import mistakes_in
from flows.schedule import ScheduleSettings
from tasks.contracts.errors import SettingsError
from tasks.contracts.locations import Location
from tasks.contracts.settings import OPERATIONAL, Name, Settings
from tasks.fusion import Rule
from tasks.fusion.generative import GenerativeRule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.storage.clips import ClipsSettings
from tasks.storage.publishing import PublishSettings
from tasks.students import StudentSettings
from tasks.students.finetune_settings import FineTuneSettings
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.source_settings import SourceSettings
from tasks.teachers import PaidSettings, TeacherSettings
from tasks.teachers.mc_dropout import MCDropoutSettings, mistakes_in_dropout
from tasks.teachers.paid_mistakes import mistakes_in_asking

# Folders of the cache that all pipelines share; a pipeline's own folder stands beside them.
SHARED_FOLDERS = ("answers", "audio", "features", "fetched", "mc_draws", "store", "work")

# Rows of metrics.json that are no teachers' names.
_OTHER_ROWS = ("source", "fused", "student", "oracle")


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
        best = isinstance(said, dict) and said.get("kind", "mi_fuse") == "mi_fuse"
        best = best and said.get("recipe", "best") == "best"
        return given | {"fuse": {"kind": "generative"}} if best else given

    @model_validator(mode="after")
    def _teachers_fit_together(self) -> PipelineSettings:
        mistakes = [mistake for name, teacher in self.teachers.items() for mistake in self._mistakes_in(name, teacher)]
        if [teacher.kind for teacher in self.teachers.values()].count("mc_dropout") != 1:
            mistakes.append("teachers: exactly one of kind mc_dropout is needed; the student starts from it")
        for setting, teacher in self.fuse.named_teachers().items():
            if teacher not in self.teachers:
                mistakes.append(f'fuse.{setting}: no teacher "{teacher}"; known: {", ".join(self.teachers)}')
        tuned = isinstance(self.student, FineTuneSettings) and self.student.fine_tunes
        if tuned and self.source is not None and self.source.encoder.kind == "logmel":
            mistakes.append("student.trainable: the encoder logmel has no weights to train; take it away")
        if self.student.uses == "draws" and not self.paid:
            mistakes.append(f"student.kind: {self.student.kind} learns from a paid teacher; name one under teachers")
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return self

    def _mistakes_in(self, name: str, teacher: PaidSettings | MCDropoutSettings) -> Iterator[str]:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in _OTHER_ROWS or name == "p" or name.endswith("_p"):
            yield (
                f'teachers: "{name}" cannot name columns and rows; use lower-case letters, digits and "_", no "p" at '
                f"the end by itself, and none of {', '.join(_OTHER_ROWS)}"
            )
        is_paid = isinstance(teacher, PaidSettings)
        if {"lalm": True, "classifier": False}.get(name, is_paid) != is_paid:
            yield f'teachers.{name}: the results take "lalm" for a paid model and "classifier" for the classifier'
        least = teacher.least_draws if isinstance(teacher, PaidSettings) else teacher.draws
        if least < self.fuse.min_draws:
            yield f"teachers.{name}.draws: fuse.kind {self.fuse.kind} needs at least {self.fuse.min_draws}, got {least}"
        elif self.student.uses == "views" and least < GenerativeRule.min_draws:
            yield (
                f"teachers.{name}.draws: student.labels generative (recipe best) needs at least "
                f"{GenerativeRule.min_draws}, got {least}"
            )
        if isinstance(teacher, PaidSettings):
            yield from mistakes_in_asking(name, teacher, self.classes)
        else:
            yield from mistakes_in_dropout(name, teacher, self.source.encoder if self.source else None)

    @property
    def paid(self) -> dict[str, PaidSettings]:
        """The teachers behind an API, by name."""
        return {name: teacher for name, teacher in self.teachers.items() if isinstance(teacher, PaidSettings)}

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
    content = _yaml(path)
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


class _StrictLoader(yaml.SafeLoader):
    """YAML's rules let the last of two equal keys win in silence; a doubled `max_cost_usd` must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := next((key for n, key in enumerate(keys) if key in keys[:n]), None):
            raise yaml.constructor.ConstructorError(None, None, f'"{twice}" stands there twice', node.start_mark)
        return super().construct_mapping(node, deep)


def _yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SettingsError(f"{path}: no such file. Give one with --pipelines FILE or MIFUSE_PIPELINES.")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: expected a mapping with `pipelines:`, found {type(content).__name__}.")
    return content


def _block(path: Path, name: str, mistakes: list[str]) -> str:
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return "\n".join([f'{path}, pipeline "{name}", {count}:', *(f"  {mistake}" for mistake in mistakes)])


def _quoted(names: set[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(map(str, names)))
