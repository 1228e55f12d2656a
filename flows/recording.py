"""How a stage's work comes to be a result: alone with its checkpoints, recorded with why it ran."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from flows.freshness import Verdict
from tasks.storage.run_locks import alone
from tasks.storage.stage_records import Record

FORCED = "forced"


def alone_in(work_folder: Path) -> AbstractContextManager[bool]:
    """One process at a time has this folder, of pipelines of other names too."""
    return alone(work_folder.with_name(f"{work_folder.name}.lock"), "another run that computes the same")


def record_of(verdict: Verdict, stats: dict[str, Any], took_s: float) -> Record:
    """What is written when the work is done; `stats` loses what it says of work that is left."""
    assert verdict.fingerprint is not None
    unfinished = stats.pop("unfinished", None)
    return Record(
        node=verdict.node.name,
        fingerprint=verdict.fingerprint,
        code_version=verdict.node.code_version,
        settings=dict(verdict.node.settings),
        inputs=dict(verdict.inputs),
        outputs={},
        stats=stats,
        took_s=round(took_s, 3),
        unfinished=unfinished,
        reasons=[*map(str, verdict.reasons), *([] if verdict.needs_work else [FORCED])],
    )
