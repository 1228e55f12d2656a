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
from tasks.storage.disks import writing_to
from tasks.storage.flushing import flush_file, flush_folder
from tasks.storage.leftovers import temporary_beside


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; renamed onto it when the block ends without an error.

    Content and name are on the disk then, in this order. That costs 0.3 ms a file on an SSD; the most files that one
    run writes are its feature shards, which took a hundred thousand times as long to compute.

    Raises:
        DiskError: The disk is full, may not be written to, or fails.
    """
    make_folder(path.parent)
    with writing_to(path), temporary_beside(path) as temporary:
        yield temporary
        flush_file(temporary)
        temporary.replace(path)
        flush_folder(path.parent)


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
        is_closed = os.statvfs(folder).f_flag & os.ST_RDONLY
        raise CacheError(_not_writable(folder, "read-only file system" if is_closed else "permission denied"))
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
    """Lets `place` show `target`: a relative symbolic link, or a copy where the file system has no links.

    A link that is there already is replaced in one step: whoever reads it sees the old or the new.
    """
    make_folder(place.parent)
    new = place.with_name(f".{place.name}-{uuid.uuid4().hex}")
    with writing_to(place):
        try:
            _link_or_copy(target, new)
            if place.is_dir() and not place.is_symlink():
                remove(place)
            new.replace(place)
        finally:
            remove(new)


def _link_or_copy(target: Path, place: Path) -> None:
    try:
        place.symlink_to(os.path.relpath(target, place.parent), target_is_directory=target.is_dir())
    except OSError:
        shutil.copytree(target, place) if target.is_dir() else shutil.copy2(target, place)
