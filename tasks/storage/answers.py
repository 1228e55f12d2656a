"""Every answer that was ever paid for, one by one: durable on arrival, never evicted, never pickled."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import diskcache
from diskcache.core import MODE_PICKLE

from tasks.contracts.errors import CacheError
from tasks.storage.files import make_folder, sha256_of_json


@dataclass(frozen=True)
class StoredAnswer:
    """What arrived, before anyone reads a distribution out of it, so that it can be read again without paying."""

    text: str
    refusal: str | None
    model_version: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    latency_s: float
    answered_at: str


def answer_key(*, audio_sha256: str, asked: dict[str, Any], draw: int) -> str:
    """The key of one answer: the audio's content, what was asked of whom (prompt, schema, model, sampling), the draw.

    Not in it: path, timeouts, retries, limits. They change nothing in the answer.
    """
    return sha256_of_json({"audio": audio_sha256, "asked": asked, "draw": draw})


class _NoPickleDisk(diskcache.Disk):
    """Refuses pickles: one planted in the cache folder would run code when read (CVE-2025-69872)."""

    def store(self, value: Any, read: bool, key: Any = diskcache.core.UNKNOWN) -> Any:
        if not isinstance(value, bytes | str | int | float) or isinstance(value, bool):
            raise TypeError(f"only bytes, str, int and float are stored, got {type(value).__name__}")
        return super().store(value, read, key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode == MODE_PICKLE:
            raise CacheError("the answer cache holds a pickled value, which mifuse never writes and does not open.")
        return super().fetch(mode, filename, value, read)


class AnswerStore:
    """A mapping from `answer_key` to `StoredAnswer` in a folder."""

    def __init__(self, folder: Path) -> None:
        try:
            self._cache = diskcache.Cache(str(make_folder(folder)), disk=_NoPickleDisk, eviction_policy="none")
        except sqlite3.DatabaseError as error:
            raise CacheError(
                f"{folder}: the answer cache cannot be opened ({error}). Restore the folder, or move it away: then its "
                "answers are paid for again."
            ) from error

    def __enter__(self) -> AnswerStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._cache.close()

    def __contains__(self, key: str) -> bool:
        return key in self._cache

    def get(self, key: str) -> StoredAnswer | None:
        """The answer, or None when it was never paid for."""
        content = self._cache.get(key)
        return None if content is None else StoredAnswer(**json.loads(content))

    def put(self, key: str, answer: StoredAnswer) -> None:
        """Stored when this returns: a process killed right after keeps it."""
        self._cache.set(key, json.dumps(asdict(answer)).encode())
