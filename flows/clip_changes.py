"""What has changed of the clips since the last index: which came, went, were edited or moved, or are described anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import polars as pl

from tasks.contracts.reasons import ClipChanges, Reason
from tasks.storage.clip_source import hash_source, list_source
from tasks.storage.clips import ClipsSettings
from tasks.storage.manifests import COLUMNS

_SAID = [name for name in COLUMNS if name != "path"]  # what a manifest says of a clip


class FoundClips:
    """The clips as they are now: listed once and hashed once, when somebody asks."""

    def __init__(self, clips: ClipsSettings, cache: Path, *, deep: bool) -> None:
        self._clips, self._cache, self._deep = clips, cache, deep

    @cached_property
    def listed(self) -> pl.DataFrame:
        """See `list_source`."""
        return list_source(self._clips, self._cache)

    @cached_property
    def sha256s(self) -> dict[str, str | None]:
        """Path → content; None where the file cannot be opened, a word for it where it has not been fetched."""
        hashes = hash_source(self._clips, self.listed, self._cache, deep=self._deep)
        return dict(zip(self.listed["path"], hashes, strict=True))

    def explain(self, name: str, shown: Path) -> list[Reason] | None:
        """How the input "clips" or "manifest" differs from the table of the last index; None where there is none."""
        table = shown / "clips.parquet"
        if not table.is_file():
            return None
        if name == "manifest":
            return manifest_reasons(pl.read_parquet(table, columns=COLUMNS), self.listed)
        known = dict(pl.read_parquet(table, columns=["path", "sha256"]).iter_rows())
        return clips_reasons(changes_between(known, self.sha256s)) if name == "clips" else None


def changes_between(known: Mapping[str, str | None], found: Mapping[str, str | None]) -> ClipChanges:
    """From path → content before and now.

    Of content that stood at several paths, or stands at several now, names are paired in their order.

    >>> changes_between({"a": "1", "b": "2", "c": "3"}, {"a": "9", "d": "2", "e": "4"}).lists()
    {'added': ['e'], 'removed': ['c'], 'changed': ['a'], 'renamed': ['b → d']}
    """
    gone, new = sorted(known.keys() - found.keys()), sorted(found.keys() - known.keys())
    left: dict[str, list[str]] = defaultdict(list)
    for path in reversed(gone):
        if (content := known[path]) is not None:
            left[content].append(path)
    moved = {left[content].pop(): path for path in new if (content := found[path]) is not None and left.get(content)}
    return ClipChanges(
        added=_without(new, moved.values()),
        removed=_without(gone, moved),
        changed=tuple(sorted(path for path in found.keys() & known.keys() if known[path] != found[path])),
        renamed=dict(sorted(moved.items())),
    )


def _without(paths: Sequence[str], others: Iterable[str]) -> tuple[str, ...]:
    left_out = set(others)
    return tuple(path for path in paths if path not in left_out)


def clips_reasons(changes: ClipChanges) -> list[Reason] | None:
    """For example "12 clips added, 3 removed, 1 changed, 2 renamed"; None where nothing of it is so."""
    lists = changes.lists()
    if not lists:
        return None
    counts = [f"{len(clips):,} {what}" for what, clips in lists.items()]
    first = next(iter(lists.values()))
    counts[0] = counts[0].replace(" ", " clip " if len(first) == 1 else " clips ", 1)
    return [Reason("input", ", ".join(counts), clips=changes)]


def manifest_reasons(known: pl.DataFrame, listed: pl.DataFrame) -> list[Reason]:
    """Which columns say something else of how many clips, between two lists with the columns `COLUMNS`.

    Nothing where it names other recordings and says the same of the others: that is told as clips added and removed.
    """
    columns = _changed_columns(known, listed)
    if columns:
        counts = [f"{name} of {len(clips):,} clip{'s' * (len(clips) != 1)}" for name, clips in columns.items()]
        return [Reason("input", f"manifest: {', '.join(counts)} changed", clips=ClipChanges(columns=columns))]
    if set(known["path"]) != set(listed["path"]):
        return []
    is_same = known.height == listed.height
    return [Reason("input", f"manifest: {'rewritten, with the same rows' if is_same else 'names a recording twice'}")]


def _changed_columns(known: pl.DataFrame, listed: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    # A manifest may name a recording twice: its first row is compared with its first, the second with its second.
    both = _numbered(known).join(_numbered(listed), on=["path", "nth"], suffix="_now").sort("path", "nth")
    differ = {name: both.filter(pl.col(name).ne_missing(pl.col(f"{name}_now")))["path"] for name in _SAID}
    return {name: tuple(paths.unique(maintain_order=True)) for name, paths in differ.items() if len(paths)}


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(COLUMNS).sort("clip_id").with_columns(nth=pl.int_range(pl.len()).over("path"))
