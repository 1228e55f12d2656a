"""What can be wrong between the parts of a pipeline's settings, each of which is right in itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tasks.encoders.prompts import mistakes_in_words
from tasks.fusion.generative import GenerativeRule
from tasks.networks.late_fusion_settings import LateFusionPooling
from tasks.students.finetune_settings import FineTuneSettings
from tasks.teachers import PaidSettings, TeacherSettings
from tasks.teachers.class_mistakes import mistakes_in_classes
from tasks.teachers.mc_dropout import MCDropoutSettings, mistakes_in_dropout
from tasks.teachers.paid_mistakes import mistakes_in_asking
from tasks.teachers.zero_shot import ZeroShotSettings, mistakes_in_zero_shot

if TYPE_CHECKING:
    from flows.settings import PipelineSettings

# Rows of metrics.json that are no teachers' names.
_OTHER_ROWS = ("source", "fused", "student", "oracle")


def mistakes_between_parts(pipeline: PipelineSettings) -> Iterator[str]:
    """Each as a line that begins with the key."""
    for name, teacher in pipeline.teachers.items():
        yield from _in_name(name, teacher)
        yield from _in_draws(name, teacher, pipeline)
        yield from _in_teacher(name, teacher, pipeline)
    if [teacher.kind for teacher in pipeline.teachers.values()].count("mc_dropout") != 1:
        yield "teachers: exactly one of kind mc_dropout is needed; the student starts from it"
    for setting, name in pipeline.fuse.named_teachers().items():
        if name not in pipeline.teachers:
            yield f'fuse.{setting}: no teacher "{name}"; known: {", ".join(pipeline.teachers)}'
    yield from _in_source_and_student(pipeline)
    yield from _in_lacking(pipeline)


def _in_name(name: str, teacher: TeacherSettings) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in _OTHER_ROWS or name == "p" or name.endswith("_p"):
        yield (
            f'teachers: "{name}" cannot name columns and rows; use lower-case letters, digits and "_", no "p" at '
            f"the end by itself, and none of {', '.join(_OTHER_ROWS)}"
        )
    is_classifier, is_paid = isinstance(teacher, MCDropoutSettings), isinstance(teacher, PaidSettings)
    if not {"lalm": is_paid, "classifier": is_classifier}.get(name, True):
        yield f'teachers.{name}: the results take "lalm" for a paid model and "classifier" for the classifier'


def _in_draws(name: str, teacher: TeacherSettings, pipeline: PipelineSettings) -> Iterator[str]:
    rule, least = pipeline.fuse, teacher.least_draws if isinstance(teacher, PaidSettings) else teacher.draws
    if least < rule.min_draws:
        yield f"teachers.{name}.draws: fuse.kind {rule.kind} needs at least {rule.min_draws}, got {least}"
    elif pipeline.student.uses == "views" and least < GenerativeRule.min_draws:
        yield (
            f"teachers.{name}.draws: student.labels generative (recipe best) needs at least "
            f"{GenerativeRule.min_draws}, got {least}"
        )


def _in_teacher(name: str, teacher: TeacherSettings, pipeline: PipelineSettings) -> Iterator[str]:
    source, classes = pipeline.source, pipeline.classes
    if isinstance(teacher, PaidSettings):
        yield from mistakes_in_asking(name, teacher, classes)
    elif isinstance(teacher, ZeroShotSettings):
        yield from mistakes_in_zero_shot(name, teacher, classes, source is not None)
    else:
        yield from mistakes_in_dropout(name, teacher, source.encoder if source else None)
        yield from mistakes_in_classes(name, teacher, classes)


def _in_source_and_student(pipeline: PipelineSettings) -> Iterator[str]:
    source, student = pipeline.source, pipeline.student
    if source is not None and isinstance(source.pooling, LateFusionPooling):
        yield from mistakes_in_words("source.pooling.words", source.pooling.words, pipeline.classes)
        if lacking := pipeline.lacks.get(pipeline.classifier_name):
            yield (
                "source.pooling: late_fusion has a score for each class, so a student cannot learn "
                f"{', '.join(lacking)} by an open place (teachers.{pipeline.classifier_name}.lacks); take another"
            )
    tuned = isinstance(student, FineTuneSettings) and student.fine_tunes
    if tuned and source is not None and source.encoder.kind != "huggingface":
        why = "has no weights to train" if source.encoder.kind == "logmel" else "stays as it is"
        yield f"student.trainable: the encoder {source.encoder.kind} {why}; take it away"
    if student.uses == "draws" and not pipeline.others:
        yield (
            f"student.kind: {student.kind} learns from a teacher beside the classifier, such as a paid one; "
            "name one under teachers"
        )


def _in_lacking(pipeline: PipelineSettings) -> Iterator[str]:
    lacks = [set(pipeline.lacks.get(name, ())) for name in pipeline.teachers]
    if lacks and (unknown := [name for name in pipeline.classes if all(name in lacking for lacking in lacks)]):
        yield (
            f"teachers: all of them lack {', '.join(unknown)}, so no clip would ever get that label; give a "
            "teacher that knows it, or take it out of `classes`"
        )
