"""What `mifuse cache ls` prints."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diskcache.core import DBNAME

from flows.cache_folders import CacheFolder, look_into, told_folders
from flows.cache_results import stored_results
from flows.columns import counted, in_columns, told_bytes
from tasks.contracts.errors import CacheError
from tasks.storage.answers import Spent
from tasks.storage.answers_census import AnswersGroup, Census, take_census
from tasks.storage.folder_sizes import FolderSize, size_of, sum_of
from tasks.storage.leftovers import leftovers
from tasks.storage.unused import pipeline_folders

_OWN_COLUMN = "temperature"  # of the settings; the rest stands in the last column


def list_cache(cache: Path, pipelines: Path, *, as_json: bool) -> None:
    """Folders, results, answers, dollars.

    Raises:
        CacheError: There is no such folder, or the stored answers are damaged.
    """
    check_is_there(cache)
    results = stored_results(cache, [folder.name for folder in pipeline_folders(cache)])
    folders = look_into(cache, pipelines, results.asking)
    census = take_census(cache / "answers") if (cache / "answers" / DBNAME).is_file() else Census([], {}, 0)
    paths = leftovers(cache)
    left_over = sum_of(map(size_of, paths))
    if as_json:
        content = _as_json(cache, folders, census) | results.as_json()
        print(json.dumps(content | {"left_over": {"paths": len(paths), "bytes": left_over.bytes}}, indent=2))
        return
    print(f"{cache}\n\n{told_folders(folders, census.answers)}")
    if told := results.told():
        print(f"\nresults\n{told}")
    if paths:
        print(f"\n{told_left_over(len(paths), left_over)}")
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


def told_left_over(count: int, size: FolderSize) -> str:
    """One line."""
    return f"left over by killed runs: {count:,}, {told_bytes(size.bytes)}; `mifuse cache rm --unused` frees them"


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


def _as_json(cache: Path, folders: list[CacheFolder], census: Census) -> dict[str, Any]:
    return {
        "cache": str(cache),
        "folders": {folder.name: folder.as_json() for folder in folders},
        "answers": [asdict(group) for group in census.groups],
        "spent": [{"month": month, "model": model} | asdict(took) for (month, model), took in census.spent.items()],
        "damaged": census.damaged,
    }
