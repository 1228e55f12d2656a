"""A checkpoint's labels → the pipeline's classes: renamed, joined, or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.contracts.errors import CheckpointError


def class_of_each(
    labels: Sequence[str], mapped: Mapping[str, str | None], folder: Path
) -> tuple[list[str], list[int | None] | None]:
    """The classes in order of first appearance, and each label's class by its place.

    Args:
        labels: Of each output.
        mapped: A label's class; None leaves it out. A label that is not named here keeps its own name.
        folder: Where they are from.

    Returns:
        The classes; and the place of each label's class among them, None for one that is left out. No places where
        each label is a class of its own.

    Raises:
        CheckpointError: A label that the checkpoint does not have, or none that is not left out.

    >>> class_of_each(["ang", "hap", "exc", "oth"], {"ang": "angry", "exc": "hap", "oth": None}, Path())
    (['angry', 'hap'], [0, 1, 1, None])
    >>> class_of_each(["sad", "ang"], {"ang": "angry"}, Path())
    (['sad', 'angry'], None)
    """
    if unknown := [label for label in mapped if label not in labels]:
        raise CheckpointError(
            f"{folder}: the checkpoint has no label {', '.join(unknown)}. Its labels are {', '.join(labels)}."
        )
    named = [mapped.get(label, label) for label in labels]
    classes = list(dict.fromkeys(name for name in named if name is not None))
    if not classes:
        raise CheckpointError(f"{folder}: `labels` leaves out all of {', '.join(labels)}. Give classes for them.")
    if named == classes:
        return classes, None
    return classes, [None if name is None else classes.index(name) for name in named]
