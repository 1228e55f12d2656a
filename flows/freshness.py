"""Which nodes are fresh and which are stale, and why, down to the setting or the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.contracts.errors import MifuseError
from tasks.contracts.stages import Node, Read
from tasks.storage.files import sha256_of_file, sha256_of_folder
from tasks.storage.stage_records import Record, ResultStore, changed_outputs, fingerprint_of
from tasks.storage.tables import digest_of_columns


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one node.

    Attributes:
        reasons: Why it is stale; none when it is fresh.
        fingerprint: Of the result it should have; None while what it reads is stale.
        inputs: Digest of each input.
        kept: A result with this fingerprint, where there is one: to be shown again, without any work.
    """

    node: Node
    reasons: tuple[str, ...]
    fingerprint: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    kept: Record | None = None

    @property
    def is_fresh(self) -> bool:
        return not self.reasons

    @property
    def needs_work(self) -> bool:
        """Stale, and no earlier result will do; one with work left, such as failed draws, is worked on again."""
        return not self.is_fresh and (self.kept is None or self.kept.unfinished is not None)


def examine(nodes: list[Node], store: ResultStore, *, deep: bool = False) -> list[Verdict]:
    """One verdict per node, in the order of the DAG."""
    verdicts: dict[str, Verdict] = {}
    for node in nodes:
        verdicts[node.name] = examine_one(node, verdicts, store, deep=deep)
    return list(verdicts.values())


def examine_one(node: Node, before: Mapping[str, Verdict], store: ResultStore, *, deep: bool = False) -> Verdict:
    """The verdict of one node, given those of the nodes that it reads from."""
    record = store.record_of(node)
    stale = [read.node for read in node.reads if before[read.node].kept is None]
    if stale:
        own = _settings_changes(record, node) if record else []
        return Verdict(node, (*own, *(f"reads from {name}, which is stale" for name in dict.fromkeys(stale))))
    try:
        outside = node.outside()
    except MifuseError as error:  # told as the reason; whoever runs the node gets the error itself
        return Verdict(node, (str(error),))
    inputs = outside | {read.output: _digest(read, before, store) for read in node.reads}
    fingerprint = fingerprint_of(node, inputs)
    reasons = _reasons(record, node, inputs, fingerprint, store, deep)
    kept = store.kept(node, fingerprint, deep=deep)
    return Verdict(node, tuple(reasons), fingerprint, inputs, kept)


def _reasons(
    record: Record | None, node: Node, inputs: dict[str, str], fingerprint: str, store: ResultStore, deep: bool
) -> list[str]:
    if record is None:
        return ["has not run yet"]
    if record.fingerprint != fingerprint:
        changes = [*_settings_changes(record, node), *_input_changes(record, node, inputs, store)]
        return changes or ["what it depends on has changed"]
    changes = changed_outputs(record, store.shown(""), deep=deep)
    return [*changes, *([record.unfinished] if record.unfinished else [])]


def _settings_changes(record: Record, node: Node) -> list[str]:
    changes = [
        f"{key}: {_told(old)} → {_told(new)}" for key, old, new in _differences(record.settings, dict(node.settings))
    ]
    if record.code_version != node.code_version:
        changes.append(f"code version: {record.code_version} → {node.code_version}")
    return changes


def _input_changes(record: Record, node: Node, inputs: dict[str, str], store: ResultStore) -> list[str]:
    changed = [name for name in {**record.inputs, **inputs} if record.inputs.get(name) != inputs.get(name)]
    return [node.explain(name, store.shown("")) or f"{name} changed" for name in changed]


def _differences(old: Any, new: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """(key, old, new) for each plain value that differs, keys joined by dots. Another kind says it all."""
    if isinstance(old, dict) and isinstance(new, dict):
        if old.get("kind") != new.get("kind"):
            return [(f"{key}.kind", old.get("kind"), new.get("kind"))]
        names = dict.fromkeys([*old, *new])
        below = [_differences(old.get(n), new.get(n), f"{key}.{n}" if key else n) for n in names]
        return [difference for differences in below for difference in differences]
    return [] if old == new else [(key, old, new)]


def _told(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _digest(read: Read, before: Mapping[str, Verdict], store: ResultStore) -> str:
    verdict = before[read.node]
    assert verdict.fingerprint is not None
    path = store.folder(verdict.node, verdict.fingerprint) / read.output
    if read.columns is not None:
        return digest_of_columns(path, read.columns)
    return sha256_of_folder(path) if path.is_dir() else sha256_of_file(path)
