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
from flows.columns import counted, told_bytes
from tasks.contracts.errors import SettingsError
from tasks.storage.answers_removal import Chosen, Selection, choose_answers, nobody_asking_any, remove_answers
from tasks.storage.files import remove
from tasks.storage.folder_sizes import size_of

_FREE = {
    "features": "computed again when a run needs them",
    "mc_draws": "computed again when a run needs them",
    "audio": "files are hashed and measured again by the next run",
    "work": "unfinished work starts over",
}
_AGAIN = "to be paid again if needed again"


@dataclass(frozen=True)
class Removal:
    """The options of `mifuse cache rm`; `every` is `--all`, and `folders` are those that cost nothing but time."""

    answers: bool = False
    models: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    every: bool = False
    folders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        chooses = bool(self.models or self.prompts or self.statuses)
        if not self.answers and (chooses or self.every):
            raise SettingsError("cache rm: --model, --prompt, --status and --all are about --answers; give that too.")
        if not self.answers and not self.folders:
            raise SettingsError(
                "cache rm: nothing is named. Give --answers, --features, --mc-draws, --audio, --work or several."
            )
        if self.answers and not chooses and not self.every:
            raise SettingsError(
                "cache rm --answers: all of them were paid for. Say which, by --model, --prompt or --status; or --all."
            )
        if chooses and self.every:
            raise SettingsError("cache rm: --all and a choice by --model, --prompt or --status: give one of them.")

    @property
    def selection(self) -> Selection:
        """Of answers."""
        return Selection(frozenset(self.models), frozenset(self.prompts), frozenset(self.statuses))


def remove_from_cache(cache: Path, removal: Removal, *, yes: bool) -> None:
    """Says what would be lost, asks, removes, and says what disk space that gave.

    Raises:
        SettingsError: No answer fits, or nobody agreed.
        CacheError: A run is asking right now.
    """
    check_is_there(cache)
    folders = [cache / name for name in removal.folders if (cache / name).is_dir()]
    with ExitStack() as held:
        chosen = _chosen_answers(cache / "answers", removal, held)
        lines = [*([_told_answers(chosen)] if chosen else []), *(_told_folder(folder) for folder in folders)]
        if not lines:
            print("nothing to remove.")
            return
        print("\n".join(["to be removed:", *(f"  {line}" for line in lines)]))
        if not yes:
            _confirm()
        before = size_of(cache).bytes
        if chosen:
            remove_answers(cache / "answers", chosen)
        _empty(folders)
    print(f"removed; {told_bytes(max(0, before - size_of(cache).bytes))} given back.")


def _chosen_answers(answers: Path, removal: Removal, held: ExitStack) -> Chosen | None:
    """No run can ask from here on until `held` is closed: what was counted is what is removed."""
    if not removal.answers or not (answers / DBNAME).is_file():
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
