"""Flow: the whole DAG, one stage after another; what is fresh is passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import State, flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Completed, Failed
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from flows.artifacts import run_artifacts
from flows.choose_repeats import choose_repeats
from flows.cost import estimate_run
from flows.estimate import check_ceiling, check_priced
from flows.evaluate_student import evaluate_student
from flows.fuse_labels import fuse_labels
from flows.index_clips import index_clips
from flows.mc_dropout import mc_dropout
from flows.place import Place, open_place
from flows.progress_artifacts import progress_artifacts
from flows.publish_results import publish_results
from flows.query_lalm import query_lalm
from flows.shared_quota import check_shared
from flows.steps import Steps, tell_done, tell_kept
from flows.target_statistics import target_statistics
from flows.train_student import train_student
from flows.zero_shot import zero_shot
from tasks.contracts.errors import MifuseError, ProviderError, QuotaError
from tasks.contracts.stages import Node
from tasks.storage.listed_once import listed_once

FLOWS: dict[str, Callable[..., dict[str, Any]]] = {
    "index_clips": index_clips,
    "target_statistics": target_statistics,
    "choose_repeats": choose_repeats,
    "mc_dropout": mc_dropout,
    "zero_shot": zero_shot,
    "query_lalm": query_lalm,
    "fuse_labels": fuse_labels,
    "train_student": train_student,
    "evaluate_student": evaluate_student,
    "publish_results": publish_results,
}


@dataclass(frozen=True)
class _Asking:
    """How paid teachers are asked, and what is done when a provider is out."""

    max_cost_usd: float | None
    retry: list[str] | None
    reparse: bool
    retries: int
    retry_delay_s: float

    def options(self, own_usd: float | None, paid_usd: float, before_usd: float) -> dict[str, Any]:
        """For the flow query_lalm: a ceiling is the run's, not each teacher's or each attempt's.

        Args:
            own_usd: The teacher's own ceiling.
            paid_usd: What this run has paid other teachers.
            before_usd: What it has paid this one, in attempts that ended with the provider out.
        """
        run_left = [] if self.max_cost_usd is None else [self.max_cost_usd - paid_usd - before_usd]
        own_left = [own_usd - before_usd] if own_usd is not None and before_usd else []
        left = max(0.0, min(run_left + own_left)) if run_left + own_left else None
        return {"max_cost_usd": left, "retry": self.retry, "reparse": self.reparse}

    def patiently(self, perform: Callable[[float], dict[str, Any]]) -> dict[str, Any]:
        """Once more after a while where the provider was out: only that may heal by itself. What was paid is kept.

        `perform` is told what the attempts before it have paid.
        """
        before_usd = 0.0

        def attempt() -> dict[str, Any]:
            nonlocal before_usd
            try:
                return perform(before_usd)
            except ProviderError as error:
                before_usd += error.paid_usd
                raise

        again = retry_if_exception_type(ProviderError)
        stop, wait = stop_after_attempt(self.retries + 1), wait_fixed(self.retry_delay_s)
        stats = Retrying(retry=again, stop=stop, wait=wait, reraise=True, before_sleep=_tell_wait)(attempt)
        return stats | {"paid_usd": round(stats.get("paid_usd", 0.0) + before_usd, 6)}


@flow(name="mifuse", flow_run_name="mifuse-{pipeline}")
@listed_once()
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
    retries: int = 0,
    retry_delay_s: float = 600,
) -> State[Any] | None:
    """Runs what is stale, in the order of the DAG.

    The parameters are those of `mifuse run`; see it for `agreed`. `retries` and `retry_delay_s` are those of
    `schedule:` in pipelines.yaml.
    """
    try:
        place = open_place(pipeline, Path(pipelines).absolute(), Path(cache).absolute())
        steps = Steps(only, start_from, tuple(force or ()), tuple(retry or ()), reparse)
        place.fetch_clips(steps.chosen(place.nodes))
        place.check_ready(steps.chosen(place.nodes))
        if not agreed:
            estimate = estimate_run(place, steps)
            check_priced(estimate, max_cost_usd)
            check_ceiling(estimate, max_cost_usd)
            for teacher in estimate.asks:
                place.settings.paid[teacher].check_asked(place.settings.classes)
            check_shared(place.settings, estimate.asks)
        with place.alone(), progress_artifacts(pipeline):
            ran = _run_stale(place, steps, _Asking(max_cost_usd, retry, reparse, retries, retry_delay_s))
    except MifuseError as error:
        return _ended_by(error)
    return None if ran else Completed(message="everything is fresh; nothing run, no call made")


def _run_stale(place: Place, steps: Steps, asking: _Asking) -> bool:
    """Whether anything had to be run."""
    paid_usd = 0.0
    with run_artifacts(place, place.examine()) as ran:
        for node in steps.chosen(place.nodes):
            verdict = place.verdict(node.name)
            if not verdict.needs_work and node.stage not in steps.forced:
                for kept in place.show_kept([verdict]):
                    tell_kept(kept)
                continue
            stats = _run_node(node, place, steps, asking, paid_usd)
            paid_usd += stats.get("paid_usd", 0.0)
            ran[node.name] = stats
            tell_done(node, stats, place)
    return bool(ran)


def _run_node(node: Node, place: Place, steps: Steps, asking: _Asking, paid_usd: float) -> dict[str, Any]:
    options: dict[str, Any] = {"pipeline": place.name, "pipelines": str(place.pipelines), "cache": str(place.cache)}
    if "." in node.name:
        options["teacher"] = node.name.partition(".")[2]
    if node.stage == "target_statistics":
        options["force"] = node.stage in steps.forced  # else what it wrote last is kept while it holds
    if node.stage == "query_lalm":
        own_usd = place.settings.paid[options["teacher"]].max_cost_usd
        return asking.patiently(
            lambda before_usd: _perform(node, options | asking.options(own_usd, paid_usd, before_usd))
        )
    return _perform(node, options)


def _perform(node: Node, options: dict[str, Any]) -> dict[str, Any]:
    # A heartbeat's thread holds up the end of each flow by up to a second; that of the whole run is enough.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        return FLOWS[node.stage](**options)


def _tell_wait(attempt: RetryCallState) -> None:
    assert attempt.outcome is not None
    assert attempt.next_action is not None
    print(f"  {attempt.outcome.exception()}\n  asking again in {attempt.next_action.sleep:.0f} s", flush=True)


def _ended_by(error: MifuseError) -> State[Any]:
    """The error's own words in Prefect's UI; whoever called the flow gets the error itself."""
    name = "Stopped" if isinstance(error, QuotaError) else "Failed"
    return Failed(name=name, message=str(error), data=error)
