"""The head of a prompt's file: whom the prompt is for, and what it asks for."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

import yaml

from tasks.asking.provider import Heard
from tasks.asking.reading import AnswerKind

_FENCE = "---"
_ALLOWED: dict[str, tuple[str, ...]] = {"hears": get_args(Heard), "answer": get_args(AnswerKind)}


class PromptFacts(NamedTuple):
    """What a prompt says of itself; None where it says nothing."""

    hears: Heard | None = None
    answer: AnswerKind | None = None


def without_front_matter(written: str) -> tuple[str, PromptFacts]:
    """The text that is sent, without white space around it, and the facts.

    >>> without_front_matter("---\\nanswer: label\\n---\\n\\nWhich of {classes}?\\n")
    ('Which of {classes}?', PromptFacts(hears=None, answer='label'))

    Raises:
        ValueError: The front matter is not closed, no YAML, or says what nobody knows.
    """
    lines = written.strip().split("\n")
    if not lines or lines[0].rstrip() != _FENCE:
        return written.strip(), PromptFacts()
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise ValueError(f"its front matter begins with {_FENCE} and never ends; close it with a line of {_FENCE}")
    return "\n".join(lines[end + 1 :]).strip(), _facts("\n".join(lines[1:end]))


def _facts(head: str) -> PromptFacts:
    try:
        content: Any = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise ValueError(f"its front matter is not YAML: {' '.join(str(error).split())}") from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise ValueError(f"its front matter is {content!r}, expected lines such as `answer: distribution`")
    for key, value in content.items():
        if key not in _ALLOWED:
            raise ValueError(f'its front matter has "{key}"; known: {", ".join(_ALLOWED)}')
        if value not in _ALLOWED[key]:
            raise ValueError(f"its front matter has {key}: {value!r}, expected one of {', '.join(_ALLOWED[key])}")
    return PromptFacts(**content)
