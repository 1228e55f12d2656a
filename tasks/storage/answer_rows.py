"""The rows of the answer store one after another, also those that cannot be read: to list, to verify, to remove."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

from diskcache.core import DBNAME, MODE_PICKLE

from tasks.contracts.errors import CacheError
from tasks.storage.answers import Spent, StoredAnswer
from tasks.storage.files import sha256_of_json

RowKind = Literal["answer", "superseded", "asked", "spent", "unknown"]
Fields = Mapping[str, tuple[type, ...]]

_KEY = re.compile(r"[0-9a-f]{64}|old:(?P<old>[0-9a-f]{64}):.*|(?P<prefix>asked|spent):.+", re.DOTALL)
_FILE = re.compile(r"[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val")  # as diskcache names them
_BUSY_S = 60.0
_NOT_IN_ASKED = ("kind", "model", "prompt", "schema")  # of what was asked, they are no settings


class Row(NamedTuple):
    """One entry. `content` is None where `problem` says why it cannot be read."""

    rowid: int
    key: str
    kind: RowKind
    file: str | None
    content: dict[str, Any] | None
    problem: str | None

    @property
    def answer_key(self) -> str:
        """Of an answer, also of one that was superseded: what `answer_key` made of its question."""
        return self.key.split(":")[1] if self.kind == "superseded" else self.key


@dataclass(frozen=True)
class Noted:
    """What an `asked_id` stands for."""

    asked: Mapping[str, Any]
    prompt_id: str

    @property
    def settings(self) -> dict[str, Any]:
        """Sampling and the like, as far as they were set."""
        return {name: v for name, v in self.asked.items() if name not in _NOT_IN_ASKED and v is not None}


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """The store of a folder, read-only: looking changes nothing. diskcache writes its settings whenever it opens one.

    Raises:
        CacheError: There is none, or it is damaged; also when that turns out inside the block.
    """
    file = (folder / DBNAME).absolute()
    if not file.is_file():
        raise CacheError(f"{folder}: no answers are stored here. `mifuse run` stores them; --cache DIR says where.")
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
        connection.text_factory = lambda text: text.decode("utf-8", "replace")  # a damaged key is a row like any other
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise CacheError(f"{file}: the stored answers cannot be read ({error}). Restore it from a backup.") from error


def rows_of(connection: sqlite3.Connection, folder: Path, kinds: str = "") -> Iterator[Row]:
    """All rows, or those whose key begins with "asked:" or "spent:".

    One scan: asking diskcache for half a million keys one by one takes minutes.
    """
    query = "SELECT rowid, key, raw, mode, filename, value FROM Cache"
    if kinds:
        query += f" WHERE key >= '{kinds}:' AND key < '{kinds};'"  # by the index; ";" follows ":"
    for rowid, key, raw, mode, file, value in connection.execute(query):
        kind = _kind_of(key)
        try:
            content, problem = _content(folder, raw, mode, file, value), None
            problem = _CHECKS[kind](str(key), content)
        except OSError as error:
            problem = f"its file {file} cannot be read ({error.strerror})"
        except ValueError as error:
            problem = str(error)
        yield Row(rowid, str(key), kind, file, None if problem else content, problem)


def count_rows(connection: sqlite3.Connection) -> int:
    """How many `rows_of` gives."""
    return int(connection.execute("SELECT COUNT(*) FROM Cache").fetchone()[0])


def notes_of(connection: sqlite3.Connection, folder: Path) -> dict[str, Noted]:
    """`asked_id` → what was asked."""
    rows = rows_of(connection, folder, "asked")
    return {row.key.partition(":")[2]: Noted(**row.content) for row in rows if row.content is not None}


def is_file_of_store(file: str) -> bool:
    """Whether a file's name is one that diskcache gives; any other was planted, and might lie anywhere."""
    return _FILE.fullmatch(file) is not None


def _kind_of(key: Any) -> RowKind:
    found = _KEY.fullmatch(key) if isinstance(key, str) else None
    if found is None:
        return "unknown"
    return "superseded" if found["old"] else found["prefix"] or "answer"  # type: ignore[return-value]


def _content(folder: Path, raw: int, mode: int, file: str | None, value: Any) -> dict[str, Any]:
    if not raw or mode == MODE_PICKLE:
        raise ValueError("is pickled, which mifuse never writes and does not open")
    if file is not None:
        if not is_file_of_store(file):
            raise ValueError(f"names a file that the store would not: {file!r}")
        value = (folder / file).read_bytes()
    try:
        content = json.loads(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"is no JSON object but {type(content).__name__}")
    return content


def _fields(of: type) -> Fields:
    """The types of a dataclass's fields as they come out of JSON, where a whole number may stand for any."""
    hints = get_type_hints(of)
    plain = {name: get_args(hint) or (hint,) for name, hint in hints.items()}
    return {name: (*kinds, int) if float in kinds else kinds for name, kinds in plain.items()}


_OF_ANSWER, _OF_SPENT = _fields(StoredAnswer), _fields(Spent)
_OF_NOTE: Fields = {"asked": (dict,), "prompt_id": (str,)}
_NEEDED = {field.name for field in fields(StoredAnswer) if field.default is MISSING}


def _problem_of_fields(content: dict[str, Any], known: Fields, needed: set[str]) -> str | None:
    names = content.keys()
    if not names <= known.keys() or not needed <= names:
        odd = [*sorted(names - known.keys()), *sorted(needed - names)]
        return f"has fields too many or too few: {', '.join(odd)}"
    for name, value in content.items():  # a loop, since half a million answers come by
        if not isinstance(value, known[name]):
            return f"{name} is {value!r:.40}"
    return None


def _problem_of_answer(key: str, content: dict[str, Any]) -> str | None:
    return _problem_of_fields(content, _OF_ANSWER, _NEEDED)


def _problem_of_note(key: str, content: dict[str, Any]) -> str | None:
    if problem := _problem_of_fields(content, _OF_NOTE, set(_OF_NOTE)):
        return problem
    # Were it taken for true, every answer that refers to it would look wrong.
    is_own = key == f"asked:{sha256_of_json(content['asked'])}"
    return None if is_own else "was edited: it is no longer what its key is made of"


_CHECKS: Mapping[RowKind, Callable[[str, dict[str, Any]], str | None]] = {
    "answer": _problem_of_answer,
    "superseded": _problem_of_answer,
    "asked": _problem_of_note,
    "spent": lambda key, content: _problem_of_fields(content, _OF_SPENT, set()),
    "unknown": lambda key, content: "is kept under a key that mifuse does not write",
}
