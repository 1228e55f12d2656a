"""A stage's node in the DAG: what it reads, what it writes, and what its result depends on. No Prefect, no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.contracts.reasons import Reason

# Raised by hand when a stage's code gives another result for the same input: everything made before is then stale.
CODE_VERSIONS = {
    "index_clips": 1,
    "target_statistics": 1,
    "mc_dropout": 4,  # before the paid teachers: what is free fails first, and adaptive draws look at it
    "choose_repeats": 2,
    "zero_shot": 1,
    "query_lalm": 3,
    "fuse_labels": 5,
    "train_student": 4,
    "evaluate_student": 2,
    "publish_results": 1,
}


@dataclass(frozen=True)
class Read:
    """An input: another node's output. Only `columns` of a table count; None means all of the file or folder."""

    node: str
    output: str
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Node:
    """One stage of one pipeline; each teacher is a node of its own.

    Attributes:
        stage: The file in `tasks/` and the flow in `flows/`.
        name: The stage, or `stage.teacher`.
        settings: What its result depends on.
        reads: Inputs that other nodes write.
        writes: Files and folders below the pipeline's folder in the cache.
        outside: Digests of inputs that no node writes, such as the audio folder; made when asked for.
        explain: Says how an input has changed since the result in the given folder; None where it cannot, nothing where
            another input's reason says it.
    """

    stage: str
    name: str
    settings: Mapping[str, Any]
    reads: tuple[Read, ...]
    writes: tuple[str, ...]
    outside: Callable[[], dict[str, str]] = field(default=dict)
    explain: Callable[[str, Path], list[Reason] | None] = field(default=lambda name, shown: None)

    @property
    def code_version(self) -> int:
        """See `CODE_VERSIONS`."""
        return CODE_VERSIONS[self.stage]
