"""What the commands that only look print: check, plan, status, inspect, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from flows.cost import estimate_costs
from flows.freshness import Verdict
from flows.missing import not_there
from flows.place import Place, open_place, prices_file
from flows.settings import read_pipelines
from tasks.asking.money import price_list
from tasks.contracts.errors import TableError
from tasks.contracts.tables import pseudo_labels_schema
from tasks.storage.files import replacing
from tasks.storage.tables import read_table
from tasks.teachers import PaidSettings
from tasks.teachers.mc_dropout import MCDropoutSettings


def show_check(pipelines: Path, name: str | None) -> None:
    """Raises SettingsError, or says that all is well, and what the pipelines name that is not there yet."""
    known = read_pipelines(pipelines, only=name)
    price_list(prices_file(pipelines))
    for each in known:
        teachers = ", ".join(_described(key, teacher) for key, teacher in known[each].teachers.items())
        classes, rule = ", ".join(known[each].classes), known[each].fuse.kind
        print(f"{each}: sound. Classes {classes}; teachers {teachers}; fuse {rule}.")
        for line in not_there(known[each]):
            print(f"  not there yet: {line}.")


def _described(name: str, teacher: PaidSettings | MCDropoutSettings) -> str:
    hears = "" if isinstance(teacher, MCDropoutSettings) or teacher.hears == "audio" else f", a {teacher.hears}"
    return f"{name} ({teacher.kind}{hears})"


def show_status(name: str | None, pipelines: Path, cache: Path, *, as_json: bool, deep: bool) -> None:
    """One line per node, with the reasons below it."""
    names = [name] if name else list(read_pipelines(pipelines))
    places = [open_place(each, pipelines, cache) for each in names]
    if as_json:
        print(json.dumps({place.name: [_as_json(v) for v in place.examine(deep=deep)] for place in places}, indent=2))
        return
    for place in places:
        print(place.name)
        for verdict in place.examine(deep=deep):
            print(_line(verdict))
    if deep:
        print("`mifuse run` trusts size and time; to make again what only --deep found, use --force STAGE.")


def show_plan(name: str, pipelines: Path, cache: Path) -> None:
    """The stale nodes and what their calls would cost."""
    place = open_place(name, pipelines, cache)
    verdicts = place.examine()
    stale = [verdict for verdict in verdicts if verdict.needs_work]
    if not stale:
        print(f"{name}: everything is fresh; nothing would run, no call would be made.")
        return
    print(f"{name}: {len(stale)} of {len(verdicts)} stages would run")
    for verdict in stale:
        print(_line(verdict))
    print(estimate_costs(place, verdicts, stale).told())


def show_labels(
    name: str,
    pipelines: Path,
    cache: Path,
    *,
    condition: str | None,
    sort: str,
    limit: int,
    csv_file: Path | None,
) -> None:
    """The chosen pseudo-labels, the doubtful ones first."""
    place = open_place(name, pipelines, cache)
    table = read_table(
        place.shown("pseudo_labels.parquet"),
        pseudo_labels_schema(place.settings.classes, list(place.settings.teachers)),
    )
    chosen = _chosen(table, condition, sort)
    if csv_file:
        with replacing(csv_file) as temporary:
            chosen.write_csv(temporary)
        print(f"{chosen.height} rows → {csv_file}")
        return
    per_teacher = [f"{t}_{what}" for t in place.settings.teachers for what in ("label", "mi", "weight")]
    columns = ["clip_id", "label", "confidence", "margin", "agreement", *per_teacher]
    with pl.Config(tbl_rows=limit, tbl_cols=-1, tbl_width_chars=200, float_precision=3, tbl_hide_dataframe_shape=True):
        print(chosen.select(columns).head(limit))
    print(f"{chosen.height} of {table.height} clips; all columns: {place.shown('pseudo_labels.parquet')}")


def _chosen(table: pl.DataFrame, condition: str | None, sort: str) -> pl.DataFrame:
    column = sort.removeprefix("-")
    if column not in table.columns:
        raise TableError(f'--sort: no column "{column}". Known: {", ".join(table.columns)}.')
    try:
        chosen = table.filter(pl.sql_expr(condition)) if condition else table
    except pl.exceptions.PolarsError as error:
        raise TableError(f"--where: {error}. It takes an SQL condition over the table's columns.") from error
    return chosen.sort(column, "clip_id", descending=[sort.startswith("-"), False], nulls_last=True)


def show_results(name: str, pipelines: Path, cache: Path) -> None:
    """The last run's table."""
    place = open_place(name, pipelines, cache)
    if not place.shown("metrics.json").is_file():
        raise TableError(f"{name}: no report yet. `mifuse run {name}` makes it.")
    print_results(place)


def print_results(place: Place) -> None:
    """The table and where the report lies; nothing where evaluation has not run."""
    from tasks.evaluation.table import format_summary, format_table

    path = place.shown("metrics.json")
    if not path.is_file():
        return
    metrics = json.loads(path.read_text(encoding="utf-8"))
    print()
    print(format_summary(metrics["summary"]) if "summary" in metrics else format_table(metrics))
    print()
    print(f"report         {place.shown('report.html')}")
    print(f"pseudo-labels  {place.shown('pseudo_labels.parquet')}")
    print(f"student        {place.shown('student')}")


def _line(verdict: Verdict) -> str:
    if verdict.is_fresh:
        return f"  {verdict.node.name:<24} fresh"
    state = "stale" if verdict.needs_work else "stale, but an earlier result is kept"
    return "\n".join([f"  {verdict.node.name:<24} {state}", *(f"      {reason}" for reason in verdict.reasons)])


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "node": verdict.node.name,
        "stage": verdict.node.stage,
        "fresh": verdict.is_fresh,
        "needs_work": verdict.needs_work,
        "reasons": list(verdict.reasons),
    }
