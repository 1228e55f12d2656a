"""`mifuse cache rm`: says what would be lost, asks, then removes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
from diskcache.core import DBNAME

from flows.cache_ls import check_is_there
from flows.cache_pipeline import folder_of_pipeline, told_pipeline
from flows.cache_removal import Removal
from flows.cache_unused import Unused, find_unused
from flows.columns import counted, told_bytes
from tasks.contracts.errors import SettingsError
from tasks.storage.answers_removal import Chosen, choose_answers, nobody_asking_any, remove_answers
from tasks.storage.asking_locks import nobody_asking
from tasks.storage.files import remove
from tasks.storage.folder_sizes import size_of
from tasks.storage.work_locks import nobody_at_work

_FREE = {
    "features": "computed again when a run needs them",
    "mc_draws": "computed again when a run needs them",
    "fetched": "copies of recordings that lie at a URL; fetched again when a run needs them",
    "audio": "files are hashed and measured again by the next run",
    "work": "unfinished work starts over",
}
_AGAIN = "to be paid again if needed again"


@dataclass(frozen=True)
class _Going:
    """What goes: folders that are emptied, those of pipelines, answers, and what nobody uses."""

    folders: list[Path]
    pipelines: list[Path]
    chosen: Chosen | None
    unused: Unused

    def told(self, pipelines: Path) -> list[str]:
        """One line each."""
        folders = [*map(_told_folder, self.folders), *(told_pipeline(folder, pipelines) for folder in self.pipelines)]
        return [*([_told_answers(self.chosen)] if self.chosen else []), *folders, *self.unused.told()]

    def remove(self, answers: Path) -> None:
        """The answers first: where that fails, nothing was removed."""
        if self.chosen:
            remove_answers(answers, self.chosen)
        self.unused.remove()
        _empty([*self.folders, *self.pipelines])
        for folder in self.pipelines:
            remove(folder)


def remove_from_cache(cache: Path, pipelines: Path, removal: Removal, *, yes: bool) -> None:
    """Says what would be lost, asks, removes, and says what disk space that gave.

    Raises:
        SettingsError: No answer fits, no such pipeline has a folder, or nobody agreed.
        CacheError: A run is at work right now.
    """
    check_is_there(cache)
    with nobody_at_work(cache), ExitStack() as held:
        going = _look(cache, pipelines, removal, held)
        lines = going.told(pipelines)
        if kept := going.unused.kept:
            print("\n".join(["not removed:", *(f"  {line}" for line in kept)]))
        if not lines:
            print("nothing to remove.")
            return
        print("\n".join(["to be removed:", *(f"  {line}" for line in lines)]))
        if not yes:
            _confirm()
        before = size_of(cache).bytes
        going.remove(cache / "answers")
    print(f"removed; {told_bytes(max(0, before - size_of(cache).bytes))} given back.")


def _look(cache: Path, pipelines: Path, removal: Removal, held: ExitStack) -> _Going:
    folders = [cache / name for name in removal.folders if (cache / name).is_dir()]
    own = [folder_of_pipeline(cache, name) for name in removal.pipelines]
    chosen = _chosen_answers(cache / "answers", removal, held)
    return _Going(
        folders, own, chosen, find_unused(cache, pipelines, removal.pipelines) if removal.unused else Unused()
    )


def _chosen_answers(answers: Path, removal: Removal, held: ExitStack) -> Chosen | None:
    """No run can ask from here on until `held` is closed: what was counted is what is removed."""
    if not removal.answers or not (answers / DBNAME).is_file():
        held.enter_context(nobody_asking(answers, ()))
        return None
    held.enter_context(nobody_asking_any(answers))
    chosen = choose_answers(answers, removal.selection)
    if not chosen.rowids and not removal.every:
        raise SettingsError("cache rm: no stored answer fits; `mifuse cache ls` lists them. Nothing was removed.")
    return chosen if chosen.rowids else None


def _told_answers(chosen: Chosen) -> str:
    parts = []
    if chosen.answers:
        unpriced = f", without {chosen.unpriced:,} whose price was not known" if chosen.unpriced else ""
        paid = f"{counted(chosen.answers, 'answer')} ({chosen.refused:,} refused) for ${chosen.usd:,.2f}{unpriced}"
        parts.append(f"{paid}, {_AGAIN}")
    if chosen.superseded:
        parts.append(f"{counted(chosen.superseded, 'superseded answer')}, which nothing needs")
    if chosen.damaged:
        parts.append(f"{counted(chosen.damaged, 'damaged entry', 'damaged entries')}, {_AGAIN}")
    return "; ".join(parts)


def _told_folder(folder: Path) -> str:
    size = size_of(folder)
    return f"{folder.name}: {counted(size.files, 'file')}, {told_bytes(size.bytes)}; {_FREE[folder.name]}"


def _confirm() -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise SettingsError("cache rm: nobody can be asked; --yes removes without asking. Nothing was removed.")
    if not click.confirm("Remove it?"):
        raise SettingsError("not agreed; nothing was removed.")


def _empty(folders: Sequence[Path]) -> None:
    """The folder itself may be a link to another disk, and stays."""
    for folder in folders:
        for path in folder.iterdir():
            remove(path)
