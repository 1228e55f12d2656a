"""Prompts as versioned files. A changed prompt is a new file: answers are kept by the prompt's text."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path


def known_prompts() -> list[str]:
    """Ids of the prompts that ship with mifuse."""
    return sorted(Path(file.name).stem for file in resources.files(__name__).iterdir() if file.name.endswith(".md"))


def prompt_text(prompt: str, classes: Sequence[str]) -> str:
    """The prompt as it is sent.

    Raises:
        ValueError: No such prompt.
    """
    if prompt not in known_prompts():
        raise ValueError(f'no prompt "{prompt}"; known: {", ".join(known_prompts())}')
    template = resources.files(__name__).joinpath(f"{prompt}.md").read_text(encoding="utf-8")
    return template.strip().format(classes=", ".join(classes))
