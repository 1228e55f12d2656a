"""Every answer that was ever paid for, one by one: durable on arrival, never evicted, never pickled."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import diskcache
from diskcache.core import MODE_PICKLE

from tasks.contracts.errors import CacheError
from tasks.storage.disks import disk_error
from tasks.storage.files import canonical_json, make_folder, sha256_of_json


@dataclass(frozen=True)
class StoredAnswer:
    """What arrived, before anyone reads a distribution out of it, so that it can be read again without paying.

    Audio, `asked_id` (see `note_asked`) and draw say which question it answers. They are None in answers that were
    stored before mifuse wrote them.
    """

    text: str
    refusal: str | None
    model_version: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    latency_s: float
    answered_at: str
    audio_tokens: int | None = None
    audio_sha256: str | None = None
    asked_id: str | None = None
    draw: int | None = None
    is_cut_off: bool = False


@dataclass(frozen=True)
class Spent:
    """What calls took of a quota and of money. `unconfirmed_usd` is the part of `usd` for answers that got lost."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    unconfirmed_usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        # Field by field: dataclasses.astuple copies deeply, which took as long as storing an answer.
        return Spent(
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.usd + other.usd,
            self.unconfirmed_usd + other.unconfirmed_usd,
        )

    def __sub__(self, other: Spent) -> Spent:
        return Spent(
            self.calls - other.calls,
            self.tokens - other.tokens,
            self.usd - other.usd,
            self.unconfirmed_usd - other.unconfirmed_usd,
        )


def answer_key(*, audio_sha256: str, asked: dict[str, Any], draw: int) -> str:
    """The key of one answer: the audio's content, what was asked of whom (prompt, schema, model, sampling), the draw.

    Not in it: path, timeouts, retries, limits. They change nothing in the answer.
    """
    return sha256_of_json({"audio": audio_sha256, "asked": asked, "draw": draw})


class KeysOf:
    """`answer_key` for many draws of one thing that is asked: its long text is hashed once."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.asked_id = sha256_of_json(asked)
        self._start = hashlib.sha256(f'{{"asked":{canonical_json(asked)},"audio":"'.encode())

    def key(self, audio_sha256: str, draw: int) -> str:
        """As `answer_key` makes it."""
        whole = self._start.copy()
        whole.update(f'{audio_sha256}","draw":{draw}}}'.encode())
        return whole.hexdigest()


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
        self._last_charged = ("", Spent())
        try:
            self._cache = diskcache.Cache(
                str(make_folder(folder)), disk=_NoPickleDisk, eviction_policy="none", cull_limit=0
            )
        except sqlite3.DatabaseError as error:
            if (told := disk_error(error, folder)) is not None:
                raise told from error
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

    def put(self, key: str, answer: StoredAnswer, model: str = "", spent: Spent | None = None) -> None:
        """Stored when this returns: a process killed right after keeps it, and what it cost is counted with it.

        An answer that is there already is kept beside the new one.
        """
        with self._cache.transact():
            content = json.dumps(vars(answer)).encode()
            if not self._cache.add(key, content):
                old = self._cache.get(key)
                name = f"old:{key}:{json.loads(old)['answered_at']}"
                if not self._cache.add(name, old):  # a second one within a second
                    self._cache.add(f"{name}:{uuid.uuid4().hex}", old)
                self._cache.set(key, content)
            if spent is not None:
                self._charge(model, spent)

    def charge(self, model: str, spent: Spent) -> None:
        """Counts what a model took, by the hour (UTC)."""
        with self._cache.transact():
            self._charge(model, spent)

    def _charge(self, model: str, spent: Spent) -> None:
        key = f"spent:{model}:{datetime.now(UTC).isoformat(timespec='hours')[:13]}"
        now = self._charged(key) + spent
        self._cache.set(key, json.dumps(vars(now)).encode())
        self._last_charged = (key, now)

    def _charged(self, key: str) -> Spent:
        """Read once an hour: whoever asks a model is alone in doing so, see `asking_locks`."""
        known, spent = self._last_charged
        return spent if known == key else Spent(**json.loads(self._cache.get(key, b"{}")))

    def spent(self, model: str, since: datetime) -> Spent:
        """What a model took since the hour (UTC) that `since` lies in."""
        first = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)  # some zones begin at half past
        hours = int((datetime.now(UTC) - first).total_seconds() // 3600) + 1
        keys = [f"spent:{model}:{(first + timedelta(hours=n)).isoformat()[:13]}" for n in range(hours)]
        return sum((Spent(**json.loads(self._cache.get(key, b"{}"))) for key in keys), Spent())

    def note_asked(self, keys: KeysOf, prompt_id: str) -> None:
        """Remembers what an `asked_id` stands for, so that the store can be listed and verified by itself."""
        name = f"asked:{keys.asked_id}"
        if name not in self._cache:
            self._cache.set(name, json.dumps({"asked": keys.asked, "prompt_id": prompt_id}).encode())
