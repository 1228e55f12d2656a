"""What differs between the record of a stage's last run and the stage as it would run now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.contracts.reasons import Reason
from tasks.contracts.stages import Node
from tasks.storage.stage_records import Record, ResultStore

if TYPE_CHECKING:
    from flows.freshness import Verdict

_TOLD_CAUSES = 2  # of another stage's run; `mifuse status` of an earlier day told them all
_TOLD_LETTERS = 40  # of a value
_TOLD_BEFORE = 10  # letters that two long values have in common, before they differ


def settings_changes(record: Record, node: Node) -> list[Reason]:
    """For example "fuse.kind: mutual_information → equal", and the version of the stage's code."""
    differences = _differences(record.settings, dict(node.settings))
    changes = [
        Reason("setting", f"{key}: {_told(old, new)}", setting=key, old=old, new=new) for key, old, new in differences
    ]
    if record.code_version != node.code_version:
        text = f"code version: {record.code_version} → {node.code_version}"
        changes.append(Reason("code", text, old=record.code_version, new=node.code_version))
    return changes


def outside_changes(record: Record, node: Node, outside: Mapping[str, str], shown: Path) -> list[Reason]:
    """Of inputs that no node writes, and of those that were read in the last run and are not now."""
    written = {read.output for read in node.reads}
    names = [name for name in {**record.inputs, **outside} if name not in written]
    changed = [name for name in names if record.inputs.get(name) != outside.get(name)]
    return [why for name in changed for why in _outside_change(record, node, name, name in outside, shown)]


def _outside_change(record: Record, node: Node, name: str, is_read: bool, shown: Path) -> list[Reason]:
    if name not in record.inputs:
        return [Reason("input", f"{name} is read now")]
    if not is_read:
        return [Reason("input", f"{name} is no longer read")]
    explained = node.explain(name, shown)
    return [Reason("input", f"{name} changed")] if explained is None else explained


def read_changes(
    record: Record, node: Node, inputs: Mapping[str, str], before: Mapping[str, Verdict], store: ResultStore
) -> list[Reason]:
    """Of other nodes' outputs, each with what its stage ran for."""
    changed = [read for read in node.reads if record.inputs.get(read.output) != inputs.get(read.output)]
    return [
        Reason(
            "input",
            f"{read.output} changed{_cause(before[read.node], store)}"
            if read.output in record.inputs
            else f"{read.output} is read now",
            node=read.node,
        )
        for read in changed
    ]


def _cause(upstream: Verdict, store: ResultStore) -> str:
    """For example ": query_lalm.lalm ran (teachers.lalm.draws: 3 → 5)"; nothing where the record does not say."""
    name, kept = upstream.node.name, upstream.kept
    if upstream.goes_back:
        return _caused(name, "goes back to an earlier result", [str(reason) for reason in upstream.reasons])
    shown = store.record_of(upstream.node)
    if kept is None or shown is None or shown.fingerprint != kept.fingerprint:
        return ""
    # Who shows an earlier result again writes down why, beside the result's own record: see `Place.show_kept`.
    verb = "ran" if shown.reasons == kept.reasons else "went back to an earlier result"
    return _caused(name, verb, shown.reasons)


def _caused(name: str, verb: str, reasons: list[str]) -> str:
    if not reasons:
        return f": {name} {verb}"
    own = [reason for reason in reasons if not _is_nested(reason)]
    if not own:  # the chain is cut to its two ends
        return f": {name} {verb}, after {reasons[0].partition(' changed: ')[2].rpartition(', after ')[2]}"
    more = len(own) - _TOLD_CAUSES
    return f": {name} {verb} ({'; '.join(own[:_TOLD_CAUSES])}{f'; and {more} more' if more > 0 else ''})"


def _is_nested(reason: str) -> bool:
    return any(f" {verb}" in reason.partition(" changed: ")[2] for verb in ("ran", "went back", "goes back"))


def _differences(old: Any, new: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """(key, old, new) for each plain value that differs, keys joined by dots. Another kind says it all."""
    if isinstance(old, dict) and isinstance(new, dict):
        if old.get("kind") != new.get("kind"):
            return [(f"{key}.kind", old.get("kind"), new.get("kind"))]
        names = dict.fromkeys([*old, *new])
        below = [_differences(old.get(n), new.get(n), f"{key}.{n}" if key else n) for n in names]
        return [difference for differences in below for difference in differences]
    return [] if old == new else [(key, old, new)]


def _told(old: Any, new: Any) -> str:
    """Both values; of long ones the part where they begin to differ.

    >>> _told(None, 5), _told("You hear a clip of a person's voice. Be strict.", "You hear a clip of a person's voice.")
    ('none → 5', "…n's voice. Be strict. → …n's voice.")
    """
    texts = ["none" if value is None else " ".join(str(value).split()) for value in (old, new)]
    same = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = max(0, same - _TOLD_BEFORE) if max(map(len, texts)) > _TOLD_LETTERS else 0
    return " → ".join(_cut(text, start) for text in texts)


def _cut(text: str, start: int) -> str:
    """From there on, as many letters as are told."""
    end = start + _TOLD_LETTERS
    return f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}"
