"""Which nodes a run is about, and the line that is printed when one is done."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from flows.freshness import Verdict
from flows.place import Place
from tasks.asking.money import told_usd
from tasks.contracts.errors import SettingsError
from tasks.contracts.stages import CODE_VERSIONS, Node

# Statuses of stored answers that a user can ask for again; failed draws are asked again anyway.
_RETRIED = ("refused", "unparsable")

# Counts that are told even when they are 0; of the others 0 is nothing to tell.
_ALWAYS_TOLD = ("calls", "paid_usd", "cost_usd", "quarantined")


@dataclass(frozen=True)
class Steps:
    """`--only`, `--from` and `--force`: names of stages. `--retry` and `--reparse` are about paid teachers' answers."""

    only: str | None = None
    start_from: str | None = None
    force: tuple[str, ...] = ()
    retry: tuple[str, ...] = ()
    reparse: bool = False

    def __post_init__(self) -> None:
        if unknown := set(self.retry) - set(_RETRIED):
            raise SettingsError(f"--retry {', '.join(sorted(unknown))}: expected {' or '.join(_RETRIED)}.")
        if self.retry and self.reparse:
            raise SettingsError("--retry asks again and --reparse asks nothing: give one of them.")
        for name in (self.only, self.start_from, *self.force):
            if name is not None and name not in CODE_VERSIONS:
                raise SettingsError(f'no stage "{name}". The stages are {", ".join(CODE_VERSIONS)}.')

    @property
    def forced(self) -> tuple[str, ...]:
        """Stages that run even where they are fresh."""
        return (*self.force, *(["query_lalm"] if self.retry or self.reparse else []))

    def chosen(self, nodes: list[Node]) -> list[Node]:
        """The nodes that the run may touch, in the order of the DAG."""
        self._check_are_there({node.stage for node in nodes})
        order = list(CODE_VERSIONS)
        first = order.index(self.start_from) if self.start_from else 0
        chosen = [n for n in nodes if order.index(n.stage) >= first and self.only in (None, n.stage)]
        if left_out := set(self.forced) - {node.stage for node in chosen}:
            raise SettingsError(f"{', '.join(sorted(left_out))}: forced, but left out by --only or --from.")
        return chosen

    def to_run(self, verdicts: list[Verdict]) -> list[Verdict]:
        """Of all nodes those that a run works on: chosen, and stale or forced."""
        names = {node.name for node in self.chosen([verdict.node for verdict in verdicts])}
        return [v for v in verdicts if v.node.name in names and (v.needs_work or v.node.stage in self.forced)]

    def _check_are_there(self, stages: set[str]) -> None:
        """A pipeline may lack target_statistics, the stages of some teachers, and publish_results."""
        for name in (self.only, *self.force):
            if name is not None and name not in stages:
                raise SettingsError(
                    f"{name}: this pipeline has no such stage. Its stages are "
                    f"{', '.join(stage for stage in CODE_VERSIONS if stage in stages)}. (target_statistics is there "
                    "where the classifier has `standardise: target`, query_lalm where a teacher is asked for money, "
                    "zero_shot where one is a dual encoder, choose_repeats where it has `repeats: chosen`, and "
                    "publish_results where the pipeline says `publish`.)"
                )


def tell_done(node: Node, stats: dict[str, Any], place: Place) -> None:
    """One line on standard output."""
    record = place.store.record_of(node)
    took = f"{record.took_s:.1f} s" if record else ""
    told = ", ".join(_counted(key, value) for key, value in stats.items() if value or key in _ALWAYS_TOLD)
    _tell(node, f"{took:>8}   {told}")


def tell_kept(node: Node) -> None:
    """An earlier result with the same settings and inputs is shown again."""
    _tell(node, f"{'kept':>8}   an earlier result has the same settings and inputs")


def _tell(node: Node, text: str) -> None:
    print(f"  {node.name:<24} {text}", file=sys.stdout, flush=True)


def _counted(key: str, value: Any) -> str:
    if key in ("paid_usd", "cost_usd"):
        return f"{told_usd(value)} {'now' if key == 'paid_usd' else 'in all'}"
    return f"{key.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{key.replace('_', ' ')} {value}"
