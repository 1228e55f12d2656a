"""Is every stored answer readable, and kept under the key that its content says? Changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tasks.contracts.errors import CacheError
from tasks.storage.answer_rows import Noted, Row, count_rows, notes_of, reading, rows_of
from tasks.storage.answers import KeysOf

_LEFT_ALONE = " (what was spent is never removed, since monthly ceilings rely on it: restore it from a backup)"


@dataclass
class CheckedAnswers:
    """What was found.

    Attributes:
        answers: How many were read, superseded ones too.
        by_key: How many of them were made sure to lie under their own key.
        unnoted: Of the others, those whose question was not noted: they are older than that.
        with_transcript: Of the others, those whose key holds a transcript, which is not stored.
        problems: One line each.
    """

    answers: int = 0
    by_key: int = 0
    unnoted: int = 0
    with_transcript: int = 0
    problems: list[str] = field(default_factory=list)


class RowCheck:
    """Says what is wrong with a row, and counts in `found` what could be checked."""

    def __init__(self, notes: Mapping[str, Noted]) -> None:
        self.found = CheckedAnswers()
        self._keys = {asked_id: KeysOf(dict(noted.asked)) for asked_id, noted in notes.items()}
        self._with_transcript = {asked_id for asked_id, noted in notes.items() if _reads_transcript(noted)}

    def problem_of(self, row: Row) -> str | None:
        """None where all is well."""
        if row.problem is not None:
            return row.problem
        if row.kind not in ("answer", "superseded"):
            return None
        self.found.answers += 1
        return _problem_of_time(row) or self._problem_of_key(row)

    def _problem_of_key(self, row: Row) -> str | None:
        assert row.content is not None
        asked_id, audio, draw = (row.content.get(name) for name in ("asked_id", "audio_sha256", "draw"))
        keys = self._keys.get(asked_id or "")
        if keys is None or audio is None or draw is None:
            self.found.unnoted += 1
        elif asked_id in self._with_transcript:
            self.found.with_transcript += 1
        elif (own := keys.key(audio, draw)) != row.answer_key:
            return f"is kept under a key that is not its own: by its content it is {_shown(own)}"
        else:
            self.found.by_key += 1
        return None


def count_entries(folder: Path) -> int:
    """How often `check_answers` calls `told`; 0 where that cannot be known."""
    try:
        with reading(folder) as connection:
            return count_rows(connection)
    except CacheError:  # `check_answers` tells it
        return 0


def check_answers(folder: Path, told: Callable[[], object]) -> CheckedAnswers:
    """Reads everything once; a damaged database is a problem like any other."""
    problems: list[str] = []
    check = RowCheck({})
    try:
        with reading(folder) as connection:
            problems += _integrity(connection)
            check = RowCheck(notes_of(connection, folder))
            for row in rows_of(connection, folder):
                told()
                if problem := check.problem_of(row):
                    problems.append(f"{_shown(row.key)} {problem}{_LEFT_ALONE if row.kind == 'spent' else ''}")
    except CacheError as error:
        problems.append(str(error))
    check.found.problems = problems
    return check.found


def _integrity(connection: sqlite3.Connection) -> list[str]:
    lines = [str(line) for (line,) in connection.execute("PRAGMA integrity_check(20)")]
    return [] if lines == ["ok"] else [f"the database is damaged: {line}" for line in lines]


def _problem_of_time(row: Row) -> str | None:
    assert row.content is not None
    try:
        datetime.fromisoformat(row.content["answered_at"])
    except ValueError:
        return f"has {row.content['answered_at']!r} for the time when it was answered"
    return None


def _reads_transcript(noted: Noted) -> bool:
    proxy = noted.asked.get("proxy")
    return isinstance(proxy, dict) and "transcript" in proxy.get("reads", ())


def _shown(key: str) -> str:
    """Enough of a key to find it, and nothing that breaks a line."""
    text = key if key.isprintable() else repr(key)
    return text if len(text) <= 20 else f"{text[:20]}…"
