"""A store with answers whose questions are noted, as a run leaves it; and things that no run leaves."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import diskcache

from tasks.storage.answers import AnswerStore, KeysOf, StoredAnswer

MODEL = "gemini-2.5-flash"
AUDIO = "ab" * 32


def asked_of(model: str = MODEL, **settings: Any) -> dict[str, Any]:
    asked = {"kind": "gemini", "model": model, "temperature": 0.6, "seed": None, "prompt": "How?", "schema": {}}
    return asked | settings


def put(
    folder: Path, draw: int = 0, asked: dict[str, Any] | None = None, prompt_id: str = "emotion-v1", **said: Any
) -> str:
    """Stores one answer of $0.25 and notes its question; returns its key."""
    keys = KeysOf(asked or asked_of())
    told: dict[str, Any] = {"text": "{}", "refusal": None, "model_version": "v1", "input_tokens": 9, "output_tokens": 1}
    told |= {"cost_usd": 0.25, "latency_s": 1.0, "answered_at": "2026-11-21T03:00:00+00:00"}
    told |= {"audio_sha256": AUDIO, "asked_id": keys.asked_id, "draw": draw}
    key = keys.key(AUDIO, draw)
    with AnswerStore(folder) as store:
        store.note_asked(keys, prompt_id)
        store.put(key, StoredAnswer(**told | said))
    return key


def put_unnoted(folder: Path, key: str = "cd" * 32, **said: Any) -> str:
    """An answer from before mifuse noted what was asked."""
    told = {"text": "{}", "refusal": None, "model_version": "old-1", "input_tokens": 9, "output_tokens": 1}
    told |= {"cost_usd": 0.25, "latency_s": 1.0, "answered_at": "2026-01-01T03:00:00+00:00"}
    write(folder, key, json.dumps(told | said).encode())
    return key


def write(folder: Path, key: Any, value: Any) -> None:
    """Whatever diskcache takes, a pickle too."""
    with diskcache.Cache(str(folder), disk=diskcache.Disk) as cache:
        cache[key] = value


def edit(folder: Path, key: str, **changed: Any) -> None:
    """Changes a stored entry where it lies."""
    with closing(sqlite3.connect(folder / "cache.db")) as connection, connection:
        ((value,),) = connection.execute("SELECT value FROM Cache WHERE key = ?", (key,))
        content = json.dumps(json.loads(value) | changed).encode()
        connection.execute("UPDATE Cache SET value = ? WHERE key = ?", (content, key))


class Trap:
    """Unpickled, it leaves a file behind: code has run."""

    def __init__(self, trace: Path, size: int = 1) -> None:
        self.trace, self.padding = trace, "x" * size

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.trace, self.padding)
