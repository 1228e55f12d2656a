"""What a classifier teacher's settings say of classes that cannot be, known before there is a classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.contracts.class_map import did_you_mean, mistakes_in_labels
from tasks.teachers.mc_dropout import MCDropoutSettings


def mistakes_in_classes(name: str, teacher: MCDropoutSettings, classes: Sequence[str]) -> Iterator[str]:
    """One line per mistake in `labels`, `lacks` and `places`, with the key as it stands in pipelines.yaml."""
    for setting, sentence in mistakes_in_labels(teacher.labels, teacher.lacks, classes):
        yield f"teachers.{name}.{setting}: {sentence}"
    if teacher.places is None:
        return
    for placed in teacher.places:
        if placed not in classes:
            yield f'teachers.{name}.places: "{placed}" is no class of the pipeline.{did_you_mean(placed, classes)}'
        elif placed in teacher.lacks:
            yield f'teachers.{name}.lacks: "{placed}" has a place, so the teacher knows it; take one of them out'
    if missing := [each for each in classes if each not in teacher.places and each not in teacher.lacks]:
        yield (
            f"teachers.{name}.places: {', '.join(missing)} has no place. Say where it lies, or that the teacher does "
            f"not know it: `lacks: [{', '.join(missing)}]`"
        )
