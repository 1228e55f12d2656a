"""What Prefect's UI shows of a run: why which stage ran, the scores, the cost, and where the report lies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from flows.freshness import Verdict
from flows.place import Place
from tasks.contracts.errors import MifuseError
from tasks.evaluation.systems import compared, marked_title
from tasks.storage.stage_records import Record

Row = dict[str, Any]
Ran = dict[str, dict[str, Any]]  # by node: what it counted


@contextmanager
def run_artifacts(place: Place, verdicts: Sequence[Verdict]) -> Iterator[Ran]:
    """Tells the reasons before the work, and after it what came of them, the scores, the cost and the report.

    Args:
        place: Where the run works.
        verdicts: Of all nodes, before the run.

    Yields:
        To be filled: for each node that ran, what it counted.
    """
    ran: Ran = {}
    reasons = _create_table(place, "reasons", _reason_rows(place, verdicts, ran), "Why which stage runs.")
    try:
        yield ran
    except MifuseError:
        _update_table(reasons, _reason_rows(place, verdicts, ran))
        if "evaluate_student" in ran:  # they are new; only what comes after them has failed
            _tell_results(place, ran)
        raise
    _update_table(reasons, _reason_rows(place, verdicts, ran))
    _tell_results(place, ran)


def _tell_results(place: Place, ran: Ran) -> None:
    if costs := cost_rows(_records(place), ran):
        _create_table(place, "cost", costs, "Of the paid teachers: this run, and all their draws together.")
    metrics = place.shown("metrics.json")
    if metrics.is_file():
        content = json.loads(metrics.read_text(encoding="utf-8"))
        _create_table(place, "metrics", metric_rows(content), f"On the clips of {place.name}; fractions.")
        key, text = artifact_key(place.name, "report"), f"Report of {place.name}"
        create_link_artifact(link=_report(place), link_text=text, key=key)


def _report(place: Place) -> str:
    """Where others read it, or on this machine."""
    to = place.settings.publish
    if to is None:
        return place.shown("report.html").as_uri()
    return f"{to.url}/report.html" if isinstance(to.url, str) else (to.url / "report.html").as_uri()


def artifact_key(pipeline: str, what: str) -> str:
    """Prefect's keys have lower-case letters, digits and dashes only.

    >>> artifact_key("Night_calls", "metrics")
    'night-calls-metrics'
    """
    return f"{re.sub('[^a-z0-9]+', '-', pipeline.lower()).strip('-')}-{what}"


def metric_rows(metrics: Mapping[str, Any]) -> list[Row]:
    """The rows of metrics.json; without gold what can be said of each system anyway."""
    if "summary" in metrics:
        systems = metrics["summary"]["systems"]
        shares = {name: systems[name]["class_shares"] for name in compared(systems)}
        return [
            {"system": marked_title(name, systems[name])}
            | {f"share {each}": share for each, share in shares[name].items()}
            | {key: systems[name][key] for key in ("mean_confidence", "coverage")}
            for name in shares
        ]
    keys = ("ua", "wa", "macro_f1", "ece", "coverage", "n")
    return [
        {"system": marked_title(name, metrics[name])} | {key: metrics[name][key] for key in keys}
        for name in compared(metrics)
    ]


def cost_rows(records: Mapping[str, Record], ran: Ran) -> list[Row]:
    """One row per paid teacher that has been asked."""
    rows: list[Row] = []
    for name, record in records.items():
        stage, _, teacher = name.partition(".")
        if stage != "query_lalm":
            continue
        now, in_all = ran.get(name, {}), record.stats
        rows.append(
            {"teacher": teacher, "calls now": now.get("calls", 0), "dollars now": now.get("paid_usd", 0.0)}
            | {f"{key.replace('_', ' ')} in all": in_all[key] for key in ("input_tokens", "output_tokens")}
            | {"dollars in all": in_all["cost_usd"]}
        )
    return rows


def _records(place: Place) -> dict[str, Record]:
    found = {node.name: place.store.record_of(node) for node in place.nodes}
    return {name: record for name, record in found.items() if record is not None}


def _reason_rows(place: Place, verdicts: Sequence[Verdict], ran: Ran) -> list[Row]:
    records = _records(place)
    return [_reason_row(verdict, records.get(verdict.node.name), verdict.node.name in ran) for verdict in verdicts]


def _reason_row(verdict: Verdict, record: Record | None, has_run: bool) -> Row:
    before = "fresh" if verdict.is_fresh else "stale"
    if not verdict.is_fresh and not verdict.needs_work:
        before = "stale, an earlier result is kept"
    took = f"{record.took_s:.1f} s" if has_run and record else ""
    return {
        "stage": verdict.node.name,
        "before": before,
        "ran": "yes" if has_run else "",
        "took": took,
        "why": "; ".join(map(str, verdict.reasons)),  # last: it is long
    }


def _create_table(place: Place, what: str, rows: list[Row], description: str) -> UUID:
    made = create_table_artifact(table=rows, key=artifact_key(place.name, what), description=description)
    return cast(UUID, made)


def _update_table(artifact: UUID, rows: list[Row]) -> None:
    with get_client(sync_client=True) as client:
        client.update_artifact(artifact, ArtifactUpdate(data=json.dumps(rows)))
