"""Prompts as versioned files. A changed prompt is a new file: answers are kept by the prompt's text."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path


def known_prompts() -> list[str]:
    """Ids of the prompts that ship with mifuse."""
    return sorted(Path(file.name).stem for file in resources.files(__name__).iterdir() if file.name.endswith(".md"))


def prompt_text(prompt_id: str, classes: Sequence[str]) -> str:
    """The prompt as it is sent.

    Raises:
        ValueError: No such prompt.
    """
    if prompt_id not in known_prompts():
        raise ValueError(f'no prompt "{prompt_id}"; known: {", ".join(known_prompts())}')
    template = resources.files(__name__).joinpath(f"{prompt_id}.md").read_text(encoding="utf-8")
    return template.strip().format(classes=", ".join(classes))
