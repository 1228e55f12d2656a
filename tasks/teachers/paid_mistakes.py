"""Settings of a paid teacher that do not fit together, or not the pipeline's classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.asking.class_names import check_synonyms, fold
from tasks.contracts.class_map import meanings, mistakes_in_labels
from tasks.teachers.paid import AdaptiveDraws, PaidTeacher
from tasks.teachers.prompts import prompt_facts, prompt_id


def mistakes_in_asking(name: str, teacher: PaidTeacher, classes: Sequence[str]) -> Iterator[str]:
    """One line per mistake, with the key as it stands in pipelines.yaml."""
    try:
        check_synonyms(teacher.synonyms, teacher.asks_about(classes))
    except ValueError as error:
        yield f"teachers.{name}.synonyms: {error}"
    for setting, sentence in mistakes_in_labels(teacher.labels, teacher.lacks, classes):
        yield f"teachers.{name}.{setting}: {sentence}"
    yield from _mistakes_in_labels(name, teacher, classes)
    if isinstance(teacher.draws, AdaptiveDraws) and teacher.draws.min < len(teacher.prompt):
        yield (
            f"teachers.{name}.draws.min: must be at least the number of prompts ({len(teacher.prompt)}), "
            f"got {teacher.draws.min}: else a clip may be settled before each wording was asked"
        )
    ids = [prompt_id(prompt) for prompt in teacher.prompt]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        yield f"teachers.{name}.prompt: {', '.join(twice)} stands there twice; the tables tell prompts by their names"
    for prompt in teacher.prompt:
        hears, answer = prompt_facts(prompt)
        named = f'teachers.{name}.prompt: "{prompt_id(prompt)}"'
        if hears is not None and hears != teacher.hears:
            yield f"{named} is written for: {hears}; kind {teacher.kind} has: {teacher.hears}"
        if answer is not None and answer != teacher.answer:
            yield f"{named} asks for a {answer}; teachers.{name}.answer is {teacher.answer}"


def _mistakes_in_labels(name: str, teacher: PaidTeacher, classes: Sequence[str]) -> Iterator[str]:
    """A model is asked about the labels that are named and nothing else, so they must cover the classes."""
    asked = teacher.asks_about(classes)
    if len({fold(label) for label in asked}) < max(2, len(asked)):
        yield (
            f"teachers.{name}.labels: the model is asked to choose among {', '.join(asked) or 'nothing'}; expected at "
            "least two names that differ by more than case"
        )
    meant = {each for shares in meanings(asked, teacher.labels) for each in shares}
    if missing := [each for each in classes if each not in meant and each not in teacher.lacks]:
        yield (
            f"teachers.{name}.labels: no label means {', '.join(missing)}. Name one that does, or say that the model "
            f"is not asked about it: `lacks: [{', '.join(missing)}]`"
        )
