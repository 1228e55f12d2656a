"""Which class a word of the model's means, and how a refusal shows what it found instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SHOWN_LETTERS = 60  # a reason is a cell of a table; the whole answer stands beside it
_SHOWN_NAMES = 5


class UnparsableError(ValueError):
    """The answer cannot be read. The message says what was found and what was expected."""


class NoClassNamedError(UnparsableError):
    """This part of the answer is about something else than the classes; another part may be the answer."""


def fold(word: str) -> str:
    """Spaces around a word and its case say nothing."""
    return word.strip().casefold()


def class_names(classes: Sequence[str], synonyms: Mapping[str, str]) -> dict[str, str]:
    """Folded word → class. A class's own name goes before a synonym."""
    known = {fold(word): name for word, name in synonyms.items() if name in classes}
    return known | {fold(name): name for name in classes} | {name: name for name in classes}


def check_synonyms(synonyms: Mapping[str, str], classes: Sequence[str]) -> None:
    """Raises ValueError, naming all that is wrong, unless each synonym means one class.

    >>> check_synonyms({"joyful": "happy"}, ["happy", "sad"])
    """
    known, meant, wrong = class_names(classes, {}), dict[str, str](), []
    for word, name in synonyms.items():
        if name not in classes:
            wrong.append(f'"{word}" stands for "{name}", which is no class.{_did_you_mean(name, classes)}')
        elif not word.strip():
            wrong.append(f'"{name}" has an empty synonym')
        elif known.get(fold(word), name) != name:
            wrong.append(f'"{word}" is a class itself and cannot stand for "{name}"')
        elif meant.setdefault(fold(word), name) != name:
            wrong.append(f'"{word}" stands for both "{meant[fold(word)]}" and "{name}"; case makes no difference')
    if wrong:
        raise ValueError("; ".join(wrong))


def _did_you_mean(name: str, classes: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, classes, n=1)
    return f' Did you mean "{close[0]}"?' if close else f" Known: {', '.join(classes)}."


def shown(value: Any) -> str:
    """A value as it stands in JSON, short, without the characters that a table could not store.

    >>> shown("x" * 100), shown(None), shown(0.25), shown([1])
    ("'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'", 'null', '0.25', 'a list')
    """
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN_LETTERS else value[: _SHOWN_LETTERS - 1] + "…")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else "a list" if isinstance(value, list) else "an object"


def few(names: Iterable[str]) -> str:
    """The first of them.

    >>> few("abcdefg")
    "['a', 'b', 'c', 'd', 'e', and 2 more]"
    """
    every = list(names)
    told = [shown(name if len(name) <= 20 else name[:19] + "…") for name in every[:_SHOWN_NAMES]]
    more = [f"and {len(every) - _SHOWN_NAMES} more"] if len(every) > _SHOWN_NAMES else []
    return f"[{', '.join(told + more)}]"
