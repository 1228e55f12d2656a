"""Why a stage is stale, in parts that a machine can read and one line that a person can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# setting, input, code, output: what the result depends on is another, or the result itself was touched. upstream: it
# waits for another stage. unfinished: work is left. never_run: no record. mistake: what it needs cannot be read.
Kind = Literal["setting", "input", "code", "output", "upstream", "unfinished", "never_run", "mistake"]


@dataclass(frozen=True)
class ClipChanges:
    """What has changed of the clips since the last index, by path.

    Attributes:
        changed: The same path, other content.
        renamed: Content that has moved: old path → new path; it is neither added nor removed.
        columns: Column of the manifest → the clips of which it says something else.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def lists(self) -> dict[str, list[str]]:
        """What happened → the clips that it happened to; nothing that is empty."""
        moved = [f"{old} → {new}" for old, new in self.renamed.items()]
        found = {
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "renamed": moved,
            **self.columns,
        }
        return {what: list(clips) for what, clips in found.items() if clips}

    def as_json(self) -> dict[str, Any]:
        """All lists, empty ones too."""
        lists = {"added": list(self.added), "removed": list(self.removed), "changed": list(self.changed)}
        columns = {column: list(clips) for column, clips in self.columns.items()}
        return lists | {"renamed": dict(self.renamed), "columns": columns}


@dataclass(frozen=True)
class Reason:
    """One cause; `str()` of it is the line that is printed.

    Attributes:
        kind: See `Kind`.
        text: The line.
        setting: Of a setting: its key in pipelines.yaml.
        old: Of a setting or the code: its value in the last run; None also where it was not set.
        new: Its value now.
        node: The other stage: which one is waited for, or which one's output has changed.
        clips: Of the clips: which.
    """

    kind: Kind
    text: str
    setting: str | None = None
    old: Any = None
    new: Any = None
    node: str | None = None
    clips: ClipChanges | None = None

    def __str__(self) -> str:
        return self.text

    def as_json(self) -> dict[str, Any]:
        """Plain values; a key that says nothing is left out."""
        told: dict[str, Any] = {"kind": self.kind, "text": self.text}
        if self.setting is not None:
            told |= {"setting": self.setting}
        if self.kind in ("setting", "code"):
            told |= {"old": self.old, "new": self.new}
        if self.node is not None:
            told |= {"node": self.node}
        return told | ({"clips": self.clips.as_json()} if self.clips is not None else {})
