"""What a finished stage leaves: its outputs, addressed by what they depend on, and a record that says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tasks.contracts.errors import CacheError
from tasks.contracts.stages import Node
from tasks.storage.disks import writing_to
from tasks.storage.files import files_below, link, make_folder, sha256_of_file, sha256_of_json, write_json
from tasks.storage.flushing import flush_tree
from tasks.storage.leftovers import put_in_place, sweep, unfinished_folder

RECORD = "record.json"


@dataclass(frozen=True)
class Record:
    """Written after the outputs.

    Attributes:
        inputs: Name of the input → digest.
        outputs: Output → file below it ("" for the output itself) → digest, size and modification time.
        stats: What the stage counted.
        unfinished: Why the stage has work left, such as draws that failed; such a result is used, and never fresh.
        reasons: Why the stage ran; none in records that were written before mifuse kept them.
    """

    node: str
    fingerprint: str
    code_version: int
    settings: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, dict[str, dict[str, Any]]]
    stats: dict[str, Any]
    took_s: float
    unfinished: str | None = None
    reasons: list[str] = field(default_factory=list)


def fingerprint_of(node: Node, inputs: dict[str, str]) -> str:
    """One digest for everything that the node's result depends on."""
    content = {"stage": node.stage, "code": node.code_version, "settings": node.settings, "inputs": inputs}
    return sha256_of_json(content)


class ResultStore:
    """The results of one pipeline: kept by content in `store/`, shown in the pipeline's own folder by links."""

    def __init__(self, cache: Path, pipeline: str) -> None:
        self._store = cache / "store"
        self._shown = cache / pipeline

    def shown(self, output: str) -> Path:
        """Where a user finds the output."""
        return self._shown / output

    def folder(self, node: Node, fingerprint: str) -> Path:
        """Where the result with this fingerprint lies, or will lie."""
        return self._store / node.stage / fingerprint[:24]

    def record_of(self, node: Node) -> Record | None:
        """What the pipeline's folder shows now."""
        return _read_record(self._record_file(node))

    def kept(self, node: Node, fingerprint: str, *, deep: bool = False) -> Record | None:
        """The record of a result with this fingerprint whose files are all as they were written."""
        folder = self.folder(node, fingerprint)
        record = _read_record(folder / RECORD)
        if record is None or record.fingerprint != fingerprint:
            return None
        return None if changed_outputs(record, folder, deep=deep) else record

    def work_folder(self, node: Node, fingerprint: str) -> Path:
        """For checkpoints of work in progress; gone when the stage is finished."""
        return self._store.parent / "work" / f"{node.name}-{fingerprint[:24]}"

    @contextmanager
    def begin(self, node: Node) -> Iterator[Path]:
        """A folder to write the outputs to; gone when the block ends, unless it was finished."""
        parent = make_folder(self._store / node.stage)
        with writing_to(parent):
            sweep(parent)
            with unfinished_folder(parent) as folder:
                yield folder

    def finish(self, node: Node, written: Path, record: Record) -> None:
        """Moves the outputs to their place together with their record, then shows both."""
        outputs = {output: _stats_of(written / output) for output in node.writes}
        record = replace(record, outputs=outputs)
        flush_tree(written)  # before the record: where it can be read after a power cut, so can the outputs
        write_json(written / RECORD, asdict(record))
        put_in_place(written, self.folder(node, record.fingerprint))
        shutil.rmtree(self.work_folder(node, record.fingerprint), ignore_errors=True)
        self.show(node, record)

    def show(self, node: Node, record: Record) -> None:
        """Lets the pipeline's folder show this result."""
        for output in node.writes:
            link(self.folder(node, record.fingerprint) / output, self._shown / output)
        write_json(self._record_file(node), asdict(record))

    def note_times(self, node: Node, fingerprint: str) -> None:
        """A copied cache has other times: noted where the files are whole, so that they are not hashed each time."""
        kept = self.folder(node, fingerprint)
        for file, folder in ((kept / RECORD, kept), (self._record_file(node), self._shown)):
            record = _read_record(file)
            if record is None:
                continue
            now = _dated_now(record, folder)  # before they are looked into: a later edit is noticed
            if now != record.outputs and not changed_outputs(record, folder):
                with suppress(CacheError, OSError):  # where it cannot be written they are hashed again
                    write_json(file, asdict(replace(record, outputs=now)))

    def _record_file(self, node: Node) -> Path:
        return self._shown / ".records" / f"{node.name}.json"


def changed_outputs(record: Record, folder: Path, *, deep: bool = False) -> list[str]:
    """Which outputs below the folder are not as the record says: "… was deleted", "… was edited"."""
    found = (_change(output, files, folder / output, deep) for output, files in record.outputs.items())
    return [change for change in found if change]


def _change(output: str, files: dict[str, dict[str, Any]], path: Path, deep: bool) -> str | None:
    if not path.exists():
        return f"{output} was deleted"
    present = {_name_below(file, path) for file in files_below(path)}
    if present != files.keys():
        return f"{output} was edited: files were added or deleted"
    edited = (name for name, known in files.items() if not _is_as_known(path / name if name else path, known, deep))
    return f"{output} was edited" if next(edited, None) is not None else None


def _is_as_known(file: Path, known: dict[str, Any], deep: bool) -> bool:
    stat = file.stat()
    if not deep and (stat.st_size, stat.st_mtime_ns) == (known["size"], known["mtime_ns"]):
        return True
    return stat.st_size == known["size"] and sha256_of_file(file) == known["sha256"]


def _stats_of(path: Path) -> dict[str, dict[str, Any]]:
    return {_name_below(file, path): _stat_of(file) for file in files_below(path)}


def _stat_of(file: Path) -> dict[str, Any]:
    stat = file.stat()
    return {"sha256": sha256_of_file(file), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _dated_now(record: Record, folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The record's outputs with the times that the files have; those that are not there keep theirs."""

    def dated(file: Path, known: dict[str, Any]) -> dict[str, Any]:
        return known | ({"mtime_ns": file.stat().st_mtime_ns} if file.exists() else {})

    return {
        output: {name: dated(folder / output / name, known) for name, known in files.items()}
        for output, files in record.outputs.items()
    }


def _name_below(file: Path, path: Path) -> str:
    return "" if file == path else os.fspath(file.relative_to(path).as_posix())


def _read_record(path: Path) -> Record | None:
    try:
        return TypeAdapter(Record).validate_json(path.read_bytes())
    except (OSError, ValueError):  # absent, cut off, edited, or from another version: as if it had never run
        return None
