"""Prompts as versioned files. A changed prompt is a new file: answers are kept by the prompt's text.

A file may begin with what it is for, which is not sent::

    ---
    hears: audio            # or "text proxy"
    answer: distribution    # or "label"
    ---
    Which of these emotions does the speaker express: {classes}?

`{classes}` becomes the classes, joined by commas. All other braces are sent as they stand.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, TypeAdapter, ValidationInfo

from tasks.contracts.settings import LocalPath
from tasks.storage.files import sha256_of_json
from tasks.teachers.prompts.front_matter import PromptFacts, without_front_matter

_PLACEHOLDER = re.compile(r"\{+\s*([A-Za-z_]\w*)\s*\}+")
_PATHS: TypeAdapter[Path] = TypeAdapter(LocalPath)


@cache
def known_prompts() -> tuple[str, ...]:
    """Ids of the prompts that ship with mifuse."""
    names = (file.name for file in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".md") for name in names if name.endswith(".md")))


def prompt_text(prompt: str, classes: Sequence[str]) -> str:
    """The prompt as it is sent.

    Args:
        prompt: The id of a shipped one, or the path of a file of the user's own.
        classes: In the order in which they are named.

    Raises:
        ValueError: No such prompt, or it cannot be used; the message says why.
    """
    template, _ = _read(prompt)
    return template.replace("{classes}", ", ".join(classes))


def prompt_facts(prompt: str) -> PromptFacts:
    """What the prompt is for, as far as it says. Raises as `prompt_text` does."""
    return _read(prompt)[1]


def prompt_id(prompt: str) -> str:
    """What the prompt is called in tables: its id, or the name of its file, which is never that of a shipped one.

    >>> prompt_id("emotion-v1"), prompt_id("/home/me/two-speakers.md"), prompt_id("/home/me/emotion-v1.md")
    ('emotion-v1', 'two-speakers', 'emotion-v1.md')
    """
    if not _is_path(prompt):
        return prompt
    path = Path(prompt)
    return path.name if path.stem in known_prompts() else path.stem


def _is_path(prompt: str) -> bool:
    return prompt.endswith((".md", ".txt")) or "/" in prompt or os.sep in prompt


def _read(prompt: str) -> tuple[str, PromptFacts]:
    written = _users_file(Path(prompt)) if _is_path(prompt) else _shipped_file(prompt)
    try:
        template, facts = without_front_matter(written)
        _check(template)
    except ValueError as error:
        raise ValueError(f'prompt "{prompt}": {error}') from error
    return template, facts


def _shipped_file(prompt: str) -> str:
    known = known_prompts()
    if prompt not in known:
        close = difflib.get_close_matches(prompt, known, n=1)
        meant = f' Did you mean "{close[0]}"?' if close else ""
        raise ValueError(
            f'no prompt "{prompt}"; known: {", ".join(known)}.{meant} A file of your own is named with its .md or .txt'
        )
    return resources.files(__name__).joinpath(f"{prompt}.md").read_text(encoding="utf-8")


def _users_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ValueError(f'prompt "{path}": no such file; shipped prompts: {", ".join(known_prompts())}') from error
    except OSError as error:
        raise ValueError(f'prompt "{path}": cannot be read ({error.strerror})') from error
    except UnicodeDecodeError as error:
        raise ValueError(f'prompt "{path}": not UTF-8 (byte {error.start}); save it as UTF-8 text') from error


def _check(template: str) -> None:
    if not template:
        raise ValueError("has no text; expected a question that names the emotions by {classes}")
    others = [found[0] for found in _PLACEHOLDER.finditer(template) if found[0] != "{classes}"]
    if others:
        raise ValueError(f"{others[0]} is no placeholder; only {{classes}} is filled in")
    if "{classes}" not in template:
        raise ValueError("never names the emotions; put {classes} where they are to stand")


def _usable(prompt: str, info: ValidationInfo) -> str:
    if _is_path(prompt):
        prompt = str(_PATHS.validate_python(prompt, context=info.context))
    _read(prompt)
    return prompt


def _in_fingerprint(prompt: str) -> str:
    """A file of the user's own may change and may move: its text is what counts."""
    return f"{prompt_id(prompt)} {sha256_of_json(prompt_text(prompt, ['']))}" if _is_path(prompt) else prompt


# In settings: a shipped prompt's id, or a path relative to the folder of pipelines.yaml, made absolute.
PromptName = Annotated[str, AfterValidator(_usable), PlainSerializer(_in_fingerprint, when_used="json")]
