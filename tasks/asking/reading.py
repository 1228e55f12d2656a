"""Reads a probability per class out of what a model wrote; refuses what is not one."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

from numpy import allclose

_SUM_TOLERANCE = 0.1 + 1e-9  # models round: .33 + .33 + .33; further off is no distribution (1.1 - 1 is not quite 0.1)


# What a teacher is asked for: a probability per class, or one class by name (then a draw is a vote).
AnswerKind = Literal["distribution", "label"]


class UnparsableError(ValueError):
    """The answer holds no distribution over the classes. The message says what is wrong with it."""


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


def read_distribution(text: str, classes: Sequence[str]) -> list[float]:
    """The answer's probabilities in the order of `classes`, summing to 1.

    Fences and prose around one JSON object, percentages, and sums within 0.1 of 1 are read; the rest is refused.

    >>> read_distribution('```json\\n{"sad": 0.25, "happy": 0.74}\\n```', ["happy", "sad"])
    [0.7474747474747475, 0.25252525252525254]

    Raises:
        UnparsableError: No JSON object, a class missing or unknown, a value that is no share, or a sum far from 1.
    """
    values = _numbers(_json_object(text), classes)
    total = math.fsum(values)
    if abs(total / 100 - 1) <= _SUM_TOLERANCE:
        values, total = [value / 100 for value in values], total / 100
    if abs(total - 1) > _SUM_TOLERANCE:
        raise UnparsableError(f"the probabilities sum to {total:g}, expected 1")
    return values if allclose(total, 1, rtol=0, atol=1e-12) else [value / total for value in values]


def _json_object(text: str) -> dict[str, Any]:
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise UnparsableError("no JSON object in the answer" if text.strip() else "the answer is empty")
    try:
        content = json.loads(text[start : end + 1])
    except (ValueError, RecursionError) as error:
        raise UnparsableError(f"broken JSON: {error}") from error
    if not isinstance(content, dict):
        raise UnparsableError("the JSON is no object")
    return content


def _numbers(content: dict[str, Any], classes: Sequence[str]) -> list[float]:
    missing, unknown = [c for c in classes if c not in content], [c for c in content if c not in classes]
    if missing or unknown:
        raise UnparsableError(f"classes missing {missing}, unknown {unknown}")
    for name in classes:
        value = content[name]
        is_share = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
        if not is_share:
            raise UnparsableError(f'"{name}" is {value!r}, expected a probability')
    return [float(content[name]) for name in classes]
