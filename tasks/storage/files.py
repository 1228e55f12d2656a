"""Writes files so that a crash leaves either the old or the new content, and digests what lies on disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.contracts.errors import CacheError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; renamed onto it when the block ends without an error."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")  # not mkstemp: its files are for their owner alone
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """JSON with sorted keys, replaced in one step."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def make_folder(folder: Path) -> Path:
    """The folder, made where it is missing.

    Raises:
        CacheError: It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CacheError(_not_writable(folder, error.strerror)) from error
    if not os.access(folder, os.W_OK):
        raise CacheError(_not_writable(folder, "permission denied"))
    return folder


def _not_writable(folder: Path, why: str | None) -> str:
    return f"{folder}: cannot be written ({why}). Give another cache folder with --cache DIR or MIFUSE_CACHE."


def sha256_of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(content: Any) -> str:
    """SHA-256 of the canonical JSON of plain values.

    >>> sha256_of_json({"b": 1, "a": 2}) == sha256_of_json({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def canonical_json(content: Any) -> str:
    """The same text for equal plain values, whatever the order of their keys."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def files_below(path: Path) -> list[Path]:
    """The file itself, or all files below the folder in a fixed order."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file())


def sha256_of_folder(folder: Path) -> str:
    """One digest for a folder's file names and contents."""
    return sha256_of_json({str(file.relative_to(folder)): sha256_of_file(file) for file in files_below(folder)})


def remove(path: Path) -> None:
    """A file, a link or a folder; nothing where there is nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def link(target: Path, place: Path) -> None:
    """Lets `place` show `target`: a relative symbolic link, or a copy where the file system has no links."""
    make_folder(place.parent)
    remove(place)
    try:
        place.symlink_to(os.path.relpath(target, place.parent), target_is_directory=target.is_dir())
    except OSError:
        shutil.copytree(target, place) if target.is_dir() else shutil.copy2(target, place)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
