"""Takes chosen answers out of the store. What was spent stays: monthly ceilings rely on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from diskcache.core import DBNAME, Disk

from tasks.contracts.errors import CacheError
from tasks.storage.answer_rows import Noted, Row, is_file_of_store, notes_of, reading, rows_of
from tasks.storage.answers_census import model_of
from tasks.storage.answers_check import RowCheck
from tasks.storage.asking_locks import nobody_asking

RemovableStatus = Literal["refused", "superseded", "damaged"]


@dataclass(frozen=True)
class Selection:
    """Which answers: those that fit everything that is given. What cannot be read has neither a model nor a prompt."""

    models: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()


@dataclass
class Chosen:
    """Rows that fit.

    Attributes:
        answers: How many would have to be asked again.
        usd: What they cost.
        unpriced: How many of them have no known cost.
        superseded: Answers that were asked again; nothing needs them.
        damaged: Entries that cannot be read, or lie under a key that is not their own.
    """

    rowids: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    answers: int = 0
    refused: int = 0
    usd: float = 0.0
    unpriced: int = 0
    superseded: int = 0
    damaged: int = 0

    def add(self, row: Row, status: str) -> None:
        """One row more."""
        self.rowids.append(row.rowid)
        if row.file and is_file_of_store(row.file):
            self.files.append(row.file)
        if status == "damaged":
            self.damaged += 1
        elif status == "superseded":
            self.superseded += 1
        else:
            assert row.content is not None
            usd = row.content["cost_usd"]
            self.answers += 1
            self.refused += status == "refused"
            self.usd += usd or 0.0
            self.unpriced += usd is None


@contextmanager
def nobody_asking_any(folder: Path) -> Iterator[None]:
    """See `nobody_asking`: of all models that were ever noted."""
    with reading(folder) as connection:
        models = {str(noted.asked.get("model")) for noted in notes_of(connection, folder).values()}
    with nobody_asking(folder, models):
        yield


def choose_answers(folder: Path, selection: Selection) -> Chosen:
    """What `remove_answers` would remove."""
    chosen = Chosen()
    with reading(folder) as connection:
        notes = notes_of(connection, folder)
        check = RowCheck(notes)
        for row in rows_of(connection, folder):
            status = _status(row, check.problem_of(row))
            if status is not None and _fits(row, status, selection, notes):
                chosen.add(row, status)
    return chosen


def remove_answers(folder: Path, chosen: Chosen) -> None:
    """Their rows and files, in one step; then the disk gets the space back.

    Raises:
        CacheError: The store cannot be written.
    """
    file = folder / DBNAME
    try:
        with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM Cache WHERE rowid = ?", ((rowid,) for rowid in chosen.rowids))
            connection.execute("COMMIT")
            _remove_files(folder, chosen.files)
            _give_back_space(connection)
    except sqlite3.DatabaseError as error:
        raise CacheError(f"{file}: the stored answers cannot be changed ({error}). Nothing was removed.") from error


def _status(row: Row, problem: str | None) -> str | None:
    """None: no answer, and not to be removed."""
    if row.kind == "spent" or (row.kind == "asked" and problem is None):
        return None
    if problem is not None:
        return "damaged"
    assert row.content is not None
    return "superseded" if row.kind == "superseded" else "refused" if row.content["refusal"] else "answered"


def _fits(row: Row, status: str, selection: Selection, notes: Mapping[str, Noted]) -> bool:
    if selection.statuses and status not in selection.statuses:
        return False
    if row.content is None or row.kind == "asked":
        return not selection.models and not selection.prompts
    if selection.models and model_of(row.content, notes) not in selection.models:
        return False
    noted = notes.get(row.content.get("asked_id") or "")
    return not selection.prompts or (noted is not None and noted.prompt_id in selection.prompts)


def _remove_files(folder: Path, files: list[str]) -> None:
    disk = Disk(str(folder))
    for file in files:
        disk.remove(file)


def _give_back_space(connection: sqlite3.Connection) -> None:
    """The rows are gone already: a full disk, or someone who reads, leaves the rest of the space for another time."""
    with suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
