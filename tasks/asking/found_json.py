"""Finds the JSON in what a model wrote, whatever stands around it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tasks.asking.class_names import shown

# Other lists ("[1]" is a footnote) are found only where they are the whole text.
_START = re.compile(r'\{\s*"|\[\s*\{\s*"')
_CLOSING = re.compile(r"[}\]]")
_MOST_STARTS = 200  # each that fails takes time in proportion to the text before it
# Up to here it may as well be prose: "I use {angry}", "a { and a }".
_NO_PAIR = re.compile(r'(\[\s*)?\{\s*("[^"]*"\s*)?')


@dataclass(frozen=True)
class Broken:
    """What began as JSON and does not go on as JSON."""

    why: str


class _RepeatedKeyError(Exception):
    """JSON's rules let the last of two equal keys win in silence."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        first = dict(reversed(pairs))
        if twice := next((key for key, value in pairs if first[key] != value), None):
            raise _RepeatedKeyError(f"{shown(twice)} stands there twice with different values, expected each key once")
    return content


# parse_int: Python refuses integers of more than 4,300 digits, with an error of another kind.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=float)


def found_json(text: str) -> list[Any]:
    """The objects (and lists of objects) in the text, in order; a `Broken` where one is cut short or malformed.

    What is inside a broken one is not looked at: half an answer is no answer.

    >>> found_json('I weigh {both}: {"sad": 1}, or {"sad": 0.5, "happy')
    [{'sad': 1.0}, Broken(why='the JSON breaks off, expected a whole object; it ends with \\'"sad": 0.5, "happy\\'')]
    """
    try:
        return [_DECODER.decode(text)]
    except json.JSONDecodeError:
        return _among_prose(text)
    except (_RepeatedKeyError, RecursionError) as error:
        return [_unusable(error)]


def _among_prose(text: str) -> list[Any]:
    found: list[Any] = []
    at = 0
    for _ in range(_MOST_STARTS):
        if not (match := _START.search(text, at)):
            return found
        start = match.start()
        try:
            value, at = _DECODER.raw_decode(text, start)
            found.append(value)
        except json.JSONDecodeError as error:
            is_prose = _NO_PAIR.fullmatch(text, start, error.pos)
            at = start + 1 if is_prose else max(error.pos, start + 1)
            if not is_prose:
                found.append(_broken(text, error))
        except (_RepeatedKeyError, RecursionError) as error:
            return [*found, _unusable(error)]
    return [*found, Broken(f"more than {_MOST_STARTS} pieces of JSON, expected one object")]


def _broken(text: str, error: json.JSONDecodeError) -> Broken:
    if error.msg.startswith("Unterminated string") or not _CLOSING.search(text, error.pos):
        return Broken(f"the JSON breaks off, expected a whole object; it ends with {shown(text.rstrip()[-18:])}")
    near = text[max(0, error.pos - 10) : error.pos + 20]
    return Broken(f"broken JSON: {error.msg} near {shown(near)}, expected one object")


def _unusable(error: Exception) -> Broken:
    if isinstance(error, RecursionError):
        return Broken("the JSON is nested too deeply, expected one object")
    return Broken(str(error))
