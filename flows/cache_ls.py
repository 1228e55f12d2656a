"""What `mifuse cache ls` prints."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diskcache.core import DBNAME

from flows.columns import counted, in_columns, told_bytes
from flows.settings import SHARED_FOLDERS
from tasks.contracts.errors import CacheError
from tasks.storage.answers import Spent
from tasks.storage.answers_census import AnswersGroup, Census, take_census
from tasks.storage.folder_sizes import FolderSize, size_of

_OWN_COLUMN = "temperature"  # of the settings; the rest stands in the last column


def list_cache(cache: Path, *, as_json: bool) -> None:
    """Folders, answers, dollars.

    Raises:
        CacheError: There is no such folder, or the stored answers are damaged.
    """
    check_is_there(cache)
    folders = {folder: size_of(cache / folder) for folder in folders_of(cache)}
    census = take_census(cache / "answers") if (cache / "answers" / DBNAME).is_file() else Census([], {}, 0)
    if as_json:
        print(json.dumps(_as_json(cache, folders, census), indent=2))
        return
    print(f"{cache}\n\n{_folders(cache, folders, census.answers)}")
    if census.groups:
        print(f"\nanswers\n{_answers(census.groups)}")
    if census.spent:
        print(f"\nspent (UTC months; unconfirmed: calls whose answer got lost)\n{_spent(census.spent)}")
    if census.damaged:
        damaged = counted(census.damaged, "entry", "entries")
        print(f"\n{damaged} cannot be read; `mifuse cache verify` says which, and what to do.")


def check_is_there(cache: Path) -> None:
    """Raises CacheError where there is no cache."""
    if not cache.is_dir():
        raise CacheError(f"{cache}: no such folder. `mifuse run` makes it; --cache DIR or MIFUSE_CACHE names another.")


def folders_of(cache: Path) -> list[str]:
    """The shared ones, then each pipeline's."""
    present = sorted(path.name for path in cache.iterdir() if path.is_dir() and not path.name.startswith("."))
    shared = [name for name in SHARED_FOLDERS if name in present]
    return shared + [name for name in present if name not in SHARED_FOLDERS]


def _folders(cache: Path, folders: dict[str, FolderSize], answers: int) -> str:
    rows = [["folder", "size", "files", ""]]
    for name, size in folders.items():
        shows_results = (cache / name / ".records").is_dir()
        what = counted(answers, "answer") if name == "answers" else "a pipeline's results" if shows_results else ""
        rows.append([name, told_bytes(size.bytes), f"{size.files:,}", what])
    total = FolderSize(sum(size.files for size in folders.values()), sum(size.bytes for size in folders.values()))
    rows.append(["in all", told_bytes(total.bytes), f"{total.files:,}", ""])
    return in_columns(rows, right="size files")


def _answers(groups: list[AnswersGroup]) -> str:
    titles = "model prompt temperature answers refused superseded dollars first last settings"
    rows = [titles.split()]
    for group in groups:
        counts = [f"{count:,}" for count in (group.answers, group.refused, group.superseded)]
        dates = [group.first[:10], group.last[:10]]
        rows.append([group.model, group.prompt_id or "–", _temperature(group), *counts, _dollars(group), *dates])
        rows[-1].append(_settings(group))
    notes = ["  –: stored before mifuse noted the question, or not set"] if any("–" in row for row in rows) else []
    if unpriced := sum(group.unpriced for group in groups):
        notes.append(f"  +: without {counted(unpriced, 'answer')} whose price was not known")
    return "\n".join([in_columns(rows, right="temperature answers refused superseded dollars"), *notes])


def _temperature(group: AnswersGroup) -> str:
    return str(group.settings.get(_OWN_COLUMN, "–"))


def _dollars(group: AnswersGroup) -> str:
    return f"{group.usd:,.2f}{'+' if group.unpriced else ''}"


def _settings(group: AnswersGroup) -> str:
    """The question's id tells rows apart that differ in classes or in the prompt's text alone."""
    others = {name: value for name, value in group.settings.items() if name != _OWN_COLUMN}
    told = [f"{name} {_plain(value)}" for name, value in sorted(others.items())]
    return ", ".join([*([f"question {group.question[:8]}"] if group.question else []), *told])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _spent(spent: dict[tuple[str, str], Spent]) -> str:
    rows = [["month", "model", "calls", "tokens", "dollars", "unconfirmed"]]
    for (month, model), took in spent.items():
        numbers = [f"{took.calls:,}", f"{took.tokens:,}", f"{took.usd:,.2f}", f"{took.unconfirmed_usd:,.2f}"]
        rows.append([month, model, *numbers])
    return in_columns(rows, right="calls tokens dollars unconfirmed")


def _as_json(cache: Path, folders: dict[str, FolderSize], census: Census) -> dict[str, Any]:
    return {
        "cache": str(cache),
        "folders": {name: asdict(size) for name, size in folders.items()},
        "answers": [asdict(group) for group in census.groups],
        "spent": [{"month": month, "model": model} | asdict(took) for (month, model), took in census.spent.items()],
        "damaged": census.damaged,
    }
