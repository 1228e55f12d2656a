"""Which nodes are fresh and which are stale, and why, down to the setting or the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.changes import outside_changes, read_changes, settings_changes
from tasks.contracts.errors import MifuseError
from tasks.contracts.reasons import Reason
from tasks.contracts.stages import Node, Read
from tasks.storage.digests import digest_of_output
from tasks.storage.stage_records import Record, ResultStore, changed_outputs, fingerprint_of


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one node.

    Attributes:
        reasons: Why it is stale, what it waits for last; none when it is fresh.
        fingerprint: Of the result it should have; None while what it reads is stale.
        inputs: Digest of each input.
        kept: A result with this fingerprint, where there is one: to be shown again, without any work.
    """

    node: Node
    reasons: tuple[Reason, ...]
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

    @property
    def goes_back(self) -> bool:
        """Stale, and an earlier result will do."""
        return not self.is_fresh and not self.needs_work

    @property
    def only_waits(self) -> bool:
        """Stale for no cause of its own that is known."""
        return not self.is_fresh and all(reason.kind in ("upstream", "never_run") for reason in self.reasons)


def examine(nodes: list[Node], store: ResultStore, *, deep: bool = False) -> list[Verdict]:
    """One verdict per node, in the order of the DAG."""
    verdicts: dict[str, Verdict] = {}
    for node in nodes:
        verdicts[node.name] = examine_one(node, verdicts, store, deep=deep)
    return list(verdicts.values())


def examine_one(node: Node, before: Mapping[str, Verdict], store: ResultStore, *, deep: bool = False) -> Verdict:
    """The verdict of one node, given those of the nodes that it reads from."""
    record, waits = store.record_of(node), _waits_for(node, before)
    try:
        outside, mistakes = node.outside(), []
    except MifuseError as error:  # told as the reason; whoever runs the node gets the error itself
        outside, mistakes = None, [Reason("mistake", str(error))]
    if waits or outside is None:
        own = _own_changes(record, node, outside, store, deep)
        return Verdict(node, (*own, *mistakes, *waits))
    inputs = outside | {read.output: _digest(read, before, store) for read in node.reads}
    fingerprint = fingerprint_of(node, inputs)
    kept = store.kept(node, fingerprint, deep=deep)
    if record is not None and record.fingerprint == fingerprint:
        reasons = _of_outputs(record, store, deep)
        if kept is None and not reasons:  # where the file system has no links: later stages read the stored one
            reasons = [Reason("output", "its result in the store was deleted or edited; what is shown is a copy")]
    else:
        reasons = _own_changes(record, node, outside, store, deep)
        reasons += read_changes(record, node, inputs, before, store) if record else []
        reasons = reasons or [Reason("input", "what it depends on has changed")]
    return Verdict(node, tuple(reasons), fingerprint, inputs, kept)


def _waits_for(node: Node, before: Mapping[str, Verdict]) -> list[Reason]:
    """The stale nodes that it reads from, without those that only wait for another one of them."""
    stale = dict.fromkeys(read.node for read in node.reads if before[read.node].kept is None)
    told = [name for name in stale if not (before[name].only_waits and _sources(before[name].node) & stale.keys())]
    return [Reason("upstream", f"reads from {name}, which is stale", node=name) for name in told]


def _sources(node: Node) -> set[str]:
    return {read.node for read in node.reads}


def _own_changes(
    record: Record | None, node: Node, outside: dict[str, str] | None, store: ResultStore, deep: bool
) -> list[Reason]:
    """What can be said without the nodes that it reads from; `outside` is None where it cannot be read."""
    if record is None:
        return [Reason("never_run", "has not run yet")]
    elsewhere = outside_changes(record, node, outside, store.shown("")) if outside is not None else []
    return [*settings_changes(record, node), *elsewhere, *_of_outputs(record, store, deep)]


def _of_outputs(record: Record, store: ResultStore, deep: bool) -> list[Reason]:
    edited = [Reason("output", text) for text in changed_outputs(record, store.shown(""), deep=deep)]
    return edited + ([Reason("unfinished", record.unfinished)] if record.unfinished else [])


def _digest(read: Read, before: Mapping[str, Verdict], store: ResultStore) -> str:
    verdict = before[read.node]
    assert verdict.fingerprint is not None
    assert verdict.kept is not None
    return digest_of_output(store.folder(verdict.node, verdict.fingerprint), verdict.kept, read.output, read.columns)
