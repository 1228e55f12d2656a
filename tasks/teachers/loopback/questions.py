"""What one request asks, whatever wire format it came in; and which classes it wants to choose from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tasks.asking.reading import AnswerKind
from tasks.teachers.loopback.bodies import as_mapping

IN_PROMPT = re.compile(r"The emotions to choose from are: ([^\n]+?)\.\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """One clip, or a text about it, and how it is to be judged."""

    prompt: str  # all text of the request, in its order
    classes: tuple[str, ...]
    answer: AnswerKind = "distribution"
    audio: bytes | None = None  # None: the clip is described in `prompt`
    temperature: float = 1.0
    seed: int | None = None
    candidates: int = 1
    most_tokens: int | None = None  # of each candidate

    @cached_property
    def sha256(self) -> str:
        """Of the audio, or of the text that stands for it."""
        return hashlib.sha256(self.prompt.encode() if self.audio is None else self.audio).hexdigest()


def read_wanted(schema: object, prompt: str) -> tuple[tuple[str, ...], AnswerKind]:
    """Classes and kind of answer from the response schema; without one, from the prompt's own line.

    Raises:
        ValueError: Neither names the classes, or the schema asks for something else.
    """
    if schema:
        return _read_schema(as_mapping(schema, "the response schema"))
    if found := IN_PROMPT.search(prompt):
        return tuple(name.strip() for name in found[1].split(",")), "label" if '"label"' in prompt else "distribution"
    raise ValueError(
        "no response schema: name the classes as number properties of one, "
        'or in the prompt as "The emotions to choose from are: a, b."'
    )


def _read_schema(schema: Mapping[str, Any]) -> tuple[tuple[str, ...], AnswerKind]:
    properties = as_mapping(schema.get("properties", {}), "properties")
    if set(properties) == {"label"} and isinstance(names := properties["label"].get("enum"), list):
        return tuple(map(str, names)), "label"
    for name, kind in properties.items():
        if str(as_mapping(kind, f"property {name}").get("type")).lower() != "number":
            raise ValueError(f'the response schema asks for "{name}", which is not a number')
    return tuple(properties), "distribution"
