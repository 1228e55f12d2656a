"""What the commands that only look print: check, inspect, report; see `status.py` and `plan.py` for the others."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from flows.missing import not_there
from flows.place import Place, look_at_place, prices_file
from flows.settings import read_pipelines
from tasks.asking.money import price_list
from tasks.contracts.class_map import told_unmapped
from tasks.contracts.errors import TableError
from tasks.contracts.tables import pseudo_labels_schema
from tasks.storage.files import replacing
from tasks.storage.tables import read_table
from tasks.teachers import PaidSettings, TeacherSettings


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


def _described(name: str, teacher: TeacherSettings) -> str:
    hears = f", a {teacher.hears}" if isinstance(teacher, PaidSettings) and teacher.hears != "audio" else ""
    return f"{name} ({teacher.kind}{hears})"


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
    place = look_at_place(name, pipelines, cache)
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
    for teacher in place.settings.teachers:
        if told := told_unmapped(table[f"{teacher}_unmapped"].to_numpy()):
            print(f"teachers.{teacher}: {told} (column {teacher}_unmapped).")
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
    place = look_at_place(name, pipelines, cache)
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
