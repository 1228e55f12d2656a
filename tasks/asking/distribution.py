"""Reads a probability per class out of one piece of JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.asking.class_names import NoClassNamedError, UnparsableError, class_names, few, fold, shown
from tasks.asking.found_json import Broken

_SUM_TOLERANCE = 0.1 + 1e-9  # models round: .33 + .33 + .33; further off is no distribution (1.1 - 1 is not quite 0.1)
_AS_WRITTEN = 1e-12  # a sum this close to 1 is 1 but for floating point

_WRAPPERS = frozenset(
    [
        "probabilities",
        "probability",
        "distribution",
        "scores",
        "emotions",
        "emotion",
        "emotion_probabilities",
        "probability_distribution",
        "classes",
        "labels",
        "answer",
        "result",
        "results",
        "response",
        "output",
        "prediction",
        "predictions",
    ]
)
_MOST_WRAPPERS = 4
_NAME_KEYS = frozenset({"label", "emotion", "class", "name"})
_NUMBER_KEYS = frozenset({"probability", "score", "prob", "confidence", "value"})

_NUMBER = re.compile(r"\s*(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)\s*(%?)\s*", re.ASCII)


def probabilities(found: Any, classes: Sequence[str], synonyms: Mapping[str, str]) -> list[float]:
    """The probabilities in the order of `classes`, summing to 1. See `read_answer` for what is read.

    Raises:
        NoClassNamedError: Not about the classes at all.
        UnparsableError: About them, and no distribution.
    """
    if isinstance(found, dict) and len(found) == len(classes):  # the plain answer, which is nearly every one
        plain = [value for name in classes if type(value := found.get(name)) is float and 0 <= value <= 100]
        if len(plain) == len(classes):
            return _scaled(plain, in_percent=False)
    parts = _by_class(_pairs(unwrapped(found)), classes, synonyms)
    numbers = {name: [_number(name, value) for value in parts[name]] for name in classes}
    # A zero is a zero in either unit.
    units = {unit for shares in numbers.values() for number, unit in shares if number}
    if len(units) > 1:
        raise UnparsableError("some numbers have a percent sign and others have none, expected one unit")
    sums = [math.fsum(number for number, _ in numbers[name]) for name in classes]
    return _scaled(sums, in_percent=units == {"%"})


def unwrapped(found: Any) -> Any:
    """What is inside of `[…]` and `{"probabilities": …}`; remarks may stand beside it."""
    if isinstance(found, Broken):
        raise UnparsableError(found.why)
    for _ in range(_MOST_WRAPPERS):
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
            continue
        inner = [key for key, value in found.items() if isinstance(value, dict | list)] if type(found) is dict else []
        if len(inner) != 1 or fold(inner[0]).replace(" ", "_") not in _WRAPPERS:
            break
        found = found[inner[0]]
    return found


def _pairs(content: Any) -> list[tuple[str, Any]]:
    if isinstance(content, dict):
        return list(content.items())
    if isinstance(content, list):
        return [_pair(entry) for entry in content]
    raise NoClassNamedError(f"the JSON is {shown(content)}, expected an object with a number per class")


def _pair(entry: Any) -> tuple[str, Any]:
    keys = {fold(key): key for key in entry} if isinstance(entry, dict) else {}
    names = [key for word, key in keys.items() if word in _NAME_KEYS]
    numbers = [key for word, key in keys.items() if word in _NUMBER_KEYS]
    if len(entry if keys else ()) == 2 and names and numbers and isinstance(name := entry[names[0]], str):
        return name, entry[numbers[0]]
    found = f"an object with {few(entry)}" if isinstance(entry, dict) else shown(entry)
    raise NoClassNamedError(f'a list holds {found}, expected objects with "label" and "probability"')


def _by_class(
    pairs: list[tuple[str, Any]], classes: Sequence[str], synonyms: Mapping[str, str]
) -> dict[str, list[Any]]:
    """Class → its values: more than one where synonyms are given beside each other."""
    names = class_names(classes, synonyms)
    parts: dict[str, list[Any]] = {}
    unknown, seen = [], set()
    for key, value in pairs:
        name = names.get(key) or names.get(fold(key))
        if name is None:
            unknown.append(key)
            continue
        if (word := key if key in names else fold(key)) in seen:
            raise UnparsableError(f"{shown(key)} stands there twice, expected each class once")
        seen.add(word)
        parts.setdefault(name, []).append(value)
    missing = [name for name in classes if name not in parts]
    if missing or unknown:
        error = UnparsableError if parts else NoClassNamedError
        raise error(f"classes missing {few(missing)}, unknown {few(unknown)}")
    return parts


def _number(name: str, value: Any) -> tuple[float, str]:
    """The number and its unit: "%" or ""."""
    unit = ""
    number = value if type(value) is float else None
    if isinstance(value, str) and len(value) < 50 and (match := _NUMBER.fullmatch(value)):
        number, unit = float(match[1]), match[2]
    if number is None or not 0 <= number <= 100:
        raise UnparsableError(f"{shown(name)} is {shown(value)}, expected a probability")
    return number, unit


def _scaled(shares: list[float], *, in_percent: bool) -> list[float]:
    total = math.fsum(shares)
    if in_percent or abs(total / 100 - 1) <= _SUM_TOLERANCE:
        shares, total = [share / 100 for share in shares], total / 100
    if abs(total - 1) > _SUM_TOLERANCE:
        raise UnparsableError(f"the probabilities sum to {total:g}, expected 1")
    scale = 1.0 if abs(total - 1) <= _AS_WRITTEN else total
    return [share / scale + 0.0 for share in shares]  # + 0.0: no negative zero
