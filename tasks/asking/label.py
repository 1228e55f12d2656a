"""Reads the name of one class out of what a model wrote."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.asking.class_names import NoClassNamedError, UnparsableError, class_names, few, fold, shown
from tasks.asking.distribution import unwrapped

_LABEL_KEYS = frozenset({"label", "emotion", "class", "answer", "prediction", "category"})
_FENCE = re.compile(r"```\w*\n(.*)\n```", re.DOTALL)
_AROUND = string.punctuation + string.whitespace + "“”„‘’«»…。"


def bare_class(text: str, classes: Sequence[str], synonyms: Mapping[str, str]) -> str | None:
    """The class that the text is the name of, but for punctuation, quotes and a fence; None if it is more than that.

    >>> bare_class("**Joyful**.", ["happy", "sad"], {"joyful": "happy"})
    'happy'
    """
    names = class_names(classes, synonyms)
    fenced = _FENCE.fullmatch(text.strip())
    word = fenced[1] if fenced else text
    return names.get(fold(word)) or names.get(fold(word.strip(_AROUND)))


def labelled_class(found: Any, classes: Sequence[str], synonyms: Mapping[str, str]) -> str:
    """The class that one piece of JSON names: `{"label": "happy"}`; remarks may stand beside it.

    Raises:
        NoClassNamedError: It has no label.
        UnparsableError: Its label is no class, or there are several.
    """
    content = unwrapped(found)
    if not isinstance(content, dict):
        raise NoClassNamedError(f'the JSON is {shown(content)}, expected an object with "label"')
    labels = {key: value for key, value in content.items() if fold(key) in _LABEL_KEYS}
    if not labels:
        raise NoClassNamedError(f'the JSON has {few(content)}, expected "label" with one of {few(classes)}')
    named = {_class_of(key, value, classes, synonyms) for key, value in labels.items()}
    if len(named) > 1:
        raise UnparsableError(f"the JSON names {few(sorted(named))}, expected one class")
    return named.pop()


def _class_of(key: str, value: Any, classes: Sequence[str], synonyms: Mapping[str, str]) -> str:
    name = bare_class(value, classes, synonyms) if isinstance(value, str) else None
    if name is None:
        raise UnparsableError(f"{shown(key)} is {shown(value)}, expected one of {few(classes)}")
    return name
