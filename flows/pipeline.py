"""Flow: the whole DAG, one stage after another; what is fresh is passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow

from flows.cost import estimate_run
from flows.estimate import check_ceiling
from flows.evaluate_student import evaluate_student
from flows.fuse_labels import fuse_labels
from flows.index_clips import index_clips
from flows.mc_dropout import mc_dropout
from flows.place import open_place
from flows.query_lalm import query_lalm
from flows.steps import Steps, tell_done, tell_kept
from flows.target_statistics import target_statistics
from flows.train_student import train_student

FLOWS: dict[str, Callable[..., dict[str, Any]]] = {
    "index_clips": index_clips,
    "target_statistics": target_statistics,
    "mc_dropout": mc_dropout,
    "query_lalm": query_lalm,
    "fuse_labels": fuse_labels,
    "train_student": train_student,
    "evaluate_student": evaluate_student,
}


@flow(name="mifuse", flow_run_name="mifuse-{pipeline}")
def run_pipeline(
    pipeline: str,
    pipelines: str = "pipelines.yaml",
    cache: str = "cache",
    only: str | None = None,
    start_from: str | None = None,
    force: list[str] | None = None,
    max_cost_usd: float | None = None,
    retry: list[str] | None = None,
    reparse: bool = False,
    agreed: bool = False,
) -> None:
    """Runs what is stale, in the order of the DAG. The parameters are those of `mifuse run`; see it for `agreed`."""
    place = open_place(pipeline, Path(pipelines).absolute(), Path(cache).absolute())
    where = {"pipeline": pipeline, "pipelines": str(Path(pipelines).absolute()), "cache": str(place.cache)}
    steps = Steps(only, start_from, tuple(force or ()), tuple(retry or ()), reparse)
    chosen = steps.chosen(place.nodes)
    place.check_ready(chosen)
    if not agreed:
        check_ceiling(estimate_run(place, steps), max_cost_usd)
    for node in chosen:
        verdict = place.verdict(node.name)
        if not verdict.needs_work and node.stage not in steps.forced:
            for kept in place.show_kept([verdict]):
                tell_kept(kept)
            continue
        options: dict[str, Any] = {"teacher": node.name.partition(".")[2]} if "." in node.name else {}
        if node.stage == "query_lalm":
            options |= {"max_cost_usd": max_cost_usd, "retry": retry, "reparse": reparse}
        if node.stage == "target_statistics":
            options["force"] = node.stage in steps.forced  # else what it wrote last is kept while it holds
        stats = FLOWS[node.stage](**where, **options)
        if max_cost_usd is not None:  # the ceiling is the run's, not each teacher's
            max_cost_usd = max(0.0, max_cost_usd - stats.get("paid_usd", 0.0))
        tell_done(node, stats, place)
