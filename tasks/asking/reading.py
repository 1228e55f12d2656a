"""Reads a probability per class out of what a model wrote; refuses what is not one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from tasks.asking.class_names import NoClassNamedError, UnparsableError, few, shown
from tasks.asking.distribution import probabilities
from tasks.asking.found_json import found_json
from tasks.asking.label import bare_class, labelled_class

__all__ = ["AnswerKind", "UnparsableError", "answer_schema", "read_answer"]

# What a teacher is asked for: a probability per class, or one class by name (then a draw is a vote).
AnswerKind = Literal["distribution", "label"]

_SAME = 1e-9
_NO_SYNONYMS: Mapping[str, str] = MappingProxyType({})


def answer_schema(classes: Sequence[str], answer: AnswerKind = "distribution") -> dict[str, Any]:
    """The JSON schema that the model must answer in: one number per class, or one class's name."""
    if answer == "label":
        label = {"type": "string", "enum": list(classes)}
        return {"type": "object", "properties": {"label": label}, "required": ["label"]}
    return {
        "type": "object",
        "properties": {name: {"type": "number"} for name in classes},
        "required": list(classes),
    }


def read_answer(
    text: str,
    classes: Sequence[str],
    kind: AnswerKind = "distribution",
    synonyms: Mapping[str, str] = _NO_SYNONYMS,
) -> list[float]:
    """The answer's probabilities in the order of `classes`, summing to 1; a label is a distribution without doubt.

    Read is what models send: one answer in fences or prose, inside `{"probabilities": …}` or a list of one, as a list
    of `{"label": …, "probability": …}`, percentages, numbers in quotes, sums within 0.1 of 1, names in another case.
    Two words for one class (a synonym beside the class, or two synonyms) are added. A label may be a bare word.
    Of several pieces of JSON those that name no class are remarks. The last of the others must be readable, and no
    other readable one may differ from it.

    >>> read_answer('```json\\n{"sad": 0.25, "Joyful": 0.74}\\n```', ["happy", "sad"], synonyms={"joyful": "happy"})
    [0.7474747474747475, 0.25252525252525254]
    >>> read_answer('{"label": "Sad"}', ["happy", "sad"], "label")
    [0.0, 1.0]

    Args:
        text: All that the model wrote.
        classes: Their names.
        kind: What the model was asked for; the other kind is refused.
        synonyms: What the model says → class; case makes no difference.

    Raises:
        UnparsableError: Nothing to read, a class missing or unknown, a value that is no share, a sum far from 1,
            JSON that is broken, or several answers that differ. Nothing is repaired and nothing is filled in.
    """
    if kind == "label" and "{" not in text and (word := bare_class(text, classes, synonyms)):
        return _certain(word, classes)
    found = found_json(text)
    if not found:
        raise UnparsableError(_nothing_in(text, classes, kind))
    if kind == "label":
        return _one_reading(found, lambda each: _certain(labelled_class(each, classes, synonyms), classes))
    return _one_reading(found, lambda each: probabilities(each, classes, synonyms))


def _one_reading(found: list[Any], read: Callable[[Any], list[float]]) -> list[float]:
    readings: list[list[float]] = []
    wrong: UnparsableError | None = None  # with the last piece that names a class
    for each in found:
        try:
            readings.append(read(each))
            wrong = None
        except NoClassNamedError:
            continue
        except UnparsableError as error:
            wrong = error
    if wrong:
        raise wrong
    if not readings:
        return read(found[-1])  # raises: none of them names a class
    if any(abs(a - b) > _SAME for other in readings[:-1] for a, b in zip(other, readings[-1], strict=True)):
        raise UnparsableError(f"{len(readings)} answers in one text, and they differ; expected one")
    return readings[-1]


def _certain(label: str, classes: Sequence[str]) -> list[float]:
    return [1.0 if name == label else 0.0 for name in classes]


def _nothing_in(text: str, classes: Sequence[str], kind: AnswerKind) -> str:
    if not text.strip():
        return "the answer is empty"
    if kind == "label":
        return f"the answer is {shown(text.strip())}, expected one of {few(classes)}"
    return f"no JSON object in the answer {shown(text.strip())}, expected one with a number per class"
