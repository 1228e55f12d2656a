"""The folders that `mifuse cache ls` lists: how much lies in each, and which pipelines use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows.cache_uses import CacheUser, SharedUse, cache_users, shared_use
from flows.columns import counted, in_columns, told_bytes
from flows.settings import SHARED_FOLDERS
from tasks.storage.folder_sizes import FolderSize, size_of, sum_of
from tasks.storage.unused import pipeline_folders

_BY_CONTENT = ("features", "mc_draws")  # a folder below for each encoder or classifier


@dataclass(frozen=True)
class CacheFolder:
    """One folder.

    Attributes:
        used_by: The pipelines whose present settings read it; None where that is not looked at.
        below: Of `features` and `mc_draws`: one per encoder or classifier.
        note: What it is, or what cannot be told of it.
    """

    name: str
    size: FolderSize
    used_by: list[str] | None = None
    note: str = ""
    below: list[CacheFolder] = field(default_factory=list)

    def rows(self, answers: int, indent: str = "") -> list[list[str]]:
        """For a table; `answers` are those that are stored."""
        held = counted(answers, "answer") if self.name == "answers" else ""
        used = f"used by {', '.join(self.used_by)}" if self.used_by else ""
        told = "; ".join(part for part in (held, self.note, used) if part)
        row = [f"{indent}{self.name}", told_bytes(self.size.bytes), f"{self.size.files:,}", told]
        return [row, *(row for folder in self.below for row in folder.rows(answers, f"{indent}  "))]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        told: dict[str, Any] = {**asdict(self.size), "used_by": self.used_by, "note": self.note}
        return told | ({"folders": {folder.name: folder.as_json() for folder in self.below}} if self.below else {})


def look_into(cache: Path, pipelines: Path, asking: Sequence[str]) -> list[CacheFolder]:
    """The shared ones, then each pipeline's; `asking` are the pipelines that show answers of a paid teacher."""
    users = {user.name: user for user in cache_users(cache, pipelines)}
    uses = {name: shared_use(user) for name, user in users.items()}
    own = {folder.name for folder in pipeline_folders(cache)}
    present = sorted(path for path in cache.iterdir() if path.is_dir() and not path.name.startswith("."))
    shared = [cache / name for name in SHARED_FOLDERS if cache / name in present]
    return [
        *(_shared(folder, uses, asking) for folder in shared),
        *(
            _own(folder, users[folder.name] if folder.name in own else None)
            for folder in present
            if folder not in shared
        ),
    ]


def told_folders(folders: Sequence[CacheFolder], answers: int) -> str:
    """A table."""
    rows = [["folder", "size", "files", ""], *(row for folder in folders for row in folder.rows(answers))]
    total = sum_of(folder.size for folder in folders)
    return in_columns([*rows, ["in all", told_bytes(total.bytes), f"{total.files:,}", ""]], right="size files")


def _shared(folder: Path, uses: Mapping[str, SharedUse], asking: Sequence[str]) -> CacheFolder:
    if folder.name == "answers":
        return CacheFolder(folder.name, size_of(folder), list(asking))
    if folder.name not in _BY_CONTENT:
        return CacheFolder(folder.name, size_of(folder))
    below = [_of_one(path, uses) for path in sorted(folder.glob("[!.]*")) if path.is_dir()]
    beside = (size_of(path) for path in folder.iterdir() if not path.is_dir() or path.name.startswith("."))
    return CacheFolder(folder.name, sum_of([*(each.size for each in below), *beside]), below=below)


def _of_one(folder: Path, uses: Mapping[str, SharedUse]) -> CacheFolder:
    """Of one encoder or classifier."""
    used_by = [name for name, use in uses.items() if use.reads(folder)]
    untold = [name for name, use in uses.items() if use.why_not]
    note = "" if used_by else f"perhaps of {', '.join(untold)}" if untold else "no present settings use it"
    return CacheFolder(folder.name, size_of(folder), used_by, note)


def _own(folder: Path, user: CacheUser | None) -> CacheFolder:
    note = "" if user is None else "; ".join(part for part in ("a pipeline's results", user.why_not) if part)
    return CacheFolder(folder.name, size_of(folder), note=note)
