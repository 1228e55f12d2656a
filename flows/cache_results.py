"""The stored results that `mifuse cache ls` lists: what each pipeline shows now, and what is kept besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.columns import counted, in_columns, told_bytes
from tasks.storage.folder_sizes import FolderSize, size_of, sum_of
from tasks.storage.results_check import result_folders
from tasks.storage.unused import ShownResult, linked_results, shown_results


@dataclass(frozen=True)
class StoredResults:
    """Each result's size is taken once, however many pipelines show it."""

    shown: list[ShownResult]
    earlier: set[Path]
    sizes: dict[Path, FolderSize]

    @property
    def of_earlier(self) -> FolderSize:
        """All of them together."""
        return sum_of(self.sizes[folder] for folder in self.earlier)

    @property
    def asking(self) -> list[str]:
        """The pipelines that show a paid teacher's draws."""
        return sorted({result.pipeline for result in self.shown if result.record.node.startswith("query_lalm")})

    def told(self) -> str:
        """A table, and a line for what no pipeline shows."""
        rows = [["pipeline", "node", "size", "made (UTC)", "took", ""]]
        shows = Counter(result.folder for result in self.shown)
        rows += [self._row(result, shows[result.folder]) for result in self.shown]
        table = [in_columns(rows, right="size took")] if self.shown else []
        return "\n".join([*table, *self._told_earlier()])

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        earlier = {"results": len(self.earlier), "bytes": self.of_earlier.bytes}
        return {"results": [self._as_json(result) for result in self.shown], "earlier": earlier}

    def _row(self, result: ShownResult, shown_by: int) -> list[str]:
        note = "not in the store any more" if result.folder not in self.sizes else ""
        note = note or (f"shown by {shown_by} pipelines" if shown_by > 1 else "")
        size = told_bytes(self.sizes[result.folder].bytes) if result.folder in self.sizes else "–"
        made = f"{at:%Y-%m-%d %H:%M}" if (at := _made(result)) else "–"
        return [result.pipeline, result.record.node, size, made, f"{result.record.took_s:,.1f} s", note]

    def _told_earlier(self) -> list[str]:
        if not self.earlier:
            return []
        results, size = counted(len(self.earlier), "earlier result"), told_bytes(self.of_earlier.bytes)
        free = "`mifuse cache rm --unused` frees what present settings do not ask for either"
        return [f"  {results}, {size}, which no pipeline shows; {free}"]

    def _as_json(self, result: ShownResult) -> dict[str, Any]:
        size = self.sizes.get(result.folder)
        return {
            "pipeline": result.pipeline,
            "node": result.record.node,
            "folder": str(result.folder),
            "bytes": None if size is None else size.bytes,
            "made": None if (made := _made(result)) is None else made.isoformat(timespec="seconds"),
            "took_s": result.record.took_s,
        }


def stored_results(cache: Path, pipelines: Sequence[str]) -> StoredResults:
    """Of the pipelines that have a folder in the cache."""
    shown = [result for name in pipelines for result in shown_results(cache, name)]
    sizes = {folder: size_of(folder) for folder in result_folders(cache / "store")}
    linked = set().union(*(linked_results(cache, name) for name in pipelines))
    return StoredResults(shown, sizes.keys() - linked - {result.folder for result in shown}, sizes)


def _made(result: ShownResult) -> datetime | None:
    return None if result.written_at_s is None else datetime.fromtimestamp(result.written_at_s, UTC)
