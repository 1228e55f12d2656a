"""The report: one self-contained HTML file that says whether the student beats its teachers, and shows why."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
import yaml
from markupsafe import Markup

from tasks.contracts.class_map import told_unmapped
from tasks.evaluation import report_rows as rows
from tasks.evaluation.figures import draw_class_shares, draw_confusion, draw_reliability
from tasks.evaluation.figures_of_repeats import draw_repeats
from tasks.evaluation.figures_of_teachers import draw_mi, draw_mi_against_weight
from tasks.evaluation.figures_of_training import draw_agreement, draw_losses, draw_shares, draw_ua
from tasks.evaluation.headline import headline, headline_without_gold, remarks
from tasks.evaluation.systems import compared, in_order, marked_title, system_title, text_proxies

_MEMBERS = 12  # of a cohort, at most


@dataclass(frozen=True)
class ReportData:
    """All that the report shows. Tables as their contracts say; nothing is read from disk."""

    pipeline: str
    classes: list[str]
    teachers: list[str]  # the column prefixes in pseudo_labels
    clips: pl.DataFrame
    pseudo_labels: pl.DataFrame
    predictions: pl.DataFrame  # the student's: clip_id, path, label, confidence, p_<class>…
    metrics: dict[str, Any] | None  # of `score_systems`; None without gold
    summary: dict[str, Any]  # of `summarise`
    curves: pl.DataFrame | None  # step, loss, loss_<part>…, agreement, teacher_agreement, share_<class>…
    settings: dict[str, Any]
    versions: dict[str, str]
    costs: dict[str, Any]  # calls, tokens, dollars, and how many draws were answered, refused, unparsable, failed
    ua_over_steps: pl.DataFrame | None = None  # of the student in training: step, ua; None without gold
    warnings: Sequence[str] = ()  # of the training
    repeats: Mapping[str, pl.DataFrame] = field(default_factory=dict)  # teacher → how each pair of repeats did
    cohort: pl.DataFrame | None = None  # one row per member, the best first; None of a student without


def render_report(data: ReportData) -> str:
    """The report as HTML. The same data give the same bytes, and only a fixed number of clips is named."""
    teachers = in_order(data.teachers)
    page = {
        "data": data,
        "headline": headline(data.metrics) if data.metrics else headline_without_gold(data.summary),
        "remarks": remarks(data.metrics) if data.metrics else [],
        "totals": _totals(data),
        "metric_rows": rows.metric_rows(data.metrics) if data.metrics else [],
        "teachers": teachers,
        "proxies": text_proxies(data.pseudo_labels, teachers),
        "unmapped": _unmapped(data.pseudo_labels, teachers),
        "never_named": _never_named(data.pseudo_labels, teachers, data.classes),
        "teacher_rows": rows.teacher_rows(data.pseudo_labels, teachers),
        "agreement_rows": rows.agreement_rows(data.summary),
        "unsure_rows": rows.unsure_rows(data.pseudo_labels, data.predictions, teachers),
        "fusion_reasons": rows.reason_rows(data.pseudo_labels),
        "quarantine_reasons": rows.reason_rows(data.clips.filter(pl.col("status") == "quarantined")),
        "quarantined_rows": rows.quarantined_rows(data.clips),
        "systems": data.summary["systems"],
        "costs": rows.cost_row(data.costs),
        "settings": _as_yaml(data.settings),
        "figures": _figures(data),
        "members": data.cohort.head(_MEMBERS).to_dicts() if data.cohort is not None else [],
        "repeats_n": {name: int(table["n"][0]) for name, table in data.repeats.items()},
    }
    return _environment().get_template("report.html").render(page)


def _unmapped(pseudo_labels: pl.DataFrame, teachers: Sequence[str]) -> dict[str, str]:
    """By teacher, how much of its mass means none of the classes; only those of which it is more than nothing."""
    told = {name: told_unmapped(pseudo_labels[f"{name}_unmapped"].to_numpy()) for name in teachers}
    return {name: sentence for name, sentence in told.items() if sentence}


def _never_named(pseudo_labels: pl.DataFrame, teachers: Sequence[str], classes: Sequence[str]) -> dict[str, list[str]]:
    """By teacher, the classes that it gives nothing in any clip, as one does that has never met them."""
    found = {t: [c for c in classes if pseudo_labels[f"{t}_p_{c}"].max() == 0] for t in teachers}
    return {teacher: names for teacher, names in found.items() if names}


def _totals(data: ReportData) -> dict[str, Any]:
    is_ok = data.clips["status"] == "ok"
    return {
        "clips": int(is_ok.sum()),
        "quarantined": int((~is_ok).sum()),
        "hours": float(data.clips.filter(is_ok)["duration_s"].sum()) / 3600,
    }


def _figures(data: ReportData) -> dict[str, list[Markup]]:
    """Every figure by the section that shows it; a figure without data is left out."""
    metrics, classes, curves = data.metrics or {}, data.classes, data.curves
    scored = {name: metrics[name] for name in compared(metrics)}
    drawn: dict[str, list[str | None]] = {
        "confusion": [draw_confusion(m["confusion"], classes, system_title(name)) for name, m in scored.items()],
        "reliability": [draw_reliability(m["reliability"], system_title(name), m["ece"]) for name, m in scored.items()],
        "training": [],
        "repeats": [draw_repeats(table, system_title(name)) for name, table in data.repeats.items()],
        "shares": [draw_class_shares(rows.class_shares(data.summary, data.metrics, classes), classes)],
        "teachers": [
            draw(data.pseudo_labels, teacher, system_title(teacher))
            for teacher in in_order(data.teachers)
            for draw in (draw_mi, draw_mi_against_weight)
        ],
    }
    if curves is not None and not curves.is_empty():
        drawn["training"] = [draw_losses(curves), draw_agreement(curves), draw_shares(curves, classes)]
    if data.ua_over_steps is not None and not data.ua_over_steps.is_empty():
        drawn["training"].append(draw_ua(data.ua_over_steps))
    return {section: [Markup(svg) for svg in svgs if svg] for section, svgs in drawn.items()}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # clip ids, paths, class names and reasons come from users
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "count": _count, "number": _number, "system_title": system_title}
    environment.filters["marked_title"] = marked_title
    return environment


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _count(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def _number(number: float | None, digits: int = 2) -> str:
    return "–" if number is None else f"{number:.{digits}f}"


def _as_yaml(settings: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(settings, default=str))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)
