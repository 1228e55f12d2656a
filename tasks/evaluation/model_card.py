"""The model card of an exported student: what it is, what it was made from, how good it is, where it must not be used.

Generated from the run. It names no clip, no speaker and no place on this machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
import yaml

from tasks.evaluation.card_encoder import encoder_row
from tasks.evaluation.headline import headline, headline_without_gold, remarks
from tasks.evaluation.report_rows import agreement_rows, metric_rows
from tasks.evaluation.summary import summarise
from tasks.evaluation.systems import FUSED, STUDENT, count_clips, in_order, system_title
from tasks.networks.config import ClassifierConfig
from tasks.networks.export_onnx import TOLERANCE

_SIMULATED = ": rules of prosody on this machine, not a language model"
_POOLED = {"mean": "mean over time", "attentive": "attentive mean and standard deviation over time"}
_LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class CardTeacher:
    """One teacher as its reader should know it."""

    name: str
    kind: str
    version: str  # which model answered
    draws: str


@dataclass(frozen=True)
class CardData:
    """All that the card tells of. Tables as their contracts say.

    Attributes:
        encoder_name: The encoder's folder before it was copied; None where that says nothing.
        metrics: Of `score_systems`; None without gold.
        settings: `fuse` and `student`, as plain values.
        onnx: The names of the files in `onnx/`.
        warm_starts: How many earlier students it went on from, one after the other.
    """

    pipeline: str
    config: ClassifierConfig
    encoder_name: str | None
    teachers: Sequence[CardTeacher]
    clips: pl.DataFrame
    pseudo_labels: pl.DataFrame
    predictions: pl.DataFrame
    metrics: Mapping[str, Any] | None
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    onnx: Sequence[str] = ()
    warm_starts: int = 0


def render_card(data: CardData) -> str:
    """The card as Markdown with a YAML head. The same data give the same text."""
    config, names = data.config, [teacher.name for teacher in data.teachers]
    summary = summarise(data.pseudo_labels, data.predictions, names, config.classes)
    page = {
        "pipeline": data.pipeline,
        "classes": config.classes,
        "attentive": config.hears_frames,
        "encoder": encoder_row(config, data.encoder_name),
        "head": {"told": _head(config)},
        "warm_starts": data.warm_starts,
        "teachers": [_teacher_row(teacher, data.pseudo_labels) for teacher in data.teachers],
        "paid": [
            f"`{teacher.version}`" for teacher in data.teachers if teacher.kind not in ("mc_dropout", "zero_shot")
        ],
        "settings": data.settings,
        "settings_yaml": yaml.safe_dump(dict(data.settings), sort_keys=False, allow_unicode=True),
        "versions": data.versions,
        "onnx": data.onnx,
        "tolerance": f"{TOLERANCE:g}",
        "data": _training_data(data),
        "language_codes": [code for code in _languages(data.clips) if _LANGUAGE_CODE.fullmatch(code) and code != "und"],
        "class_rows": _class_rows(summary, data.metrics, config.classes),
        "agreement_titles": [system_title(name) for name in in_order([*names, FUSED, STUDENT])],
        "agreement_rows": agreement_rows(summary),
        **_scores(data.metrics, summary),
    }
    return _environment().get_template("model_card.md").render(page)


def _scores(metrics: Mapping[str, Any] | None, summary: Mapping[str, Any]) -> dict[str, Any]:
    if metrics is None:
        return {"metrics": None, "headline": headline_without_gold(summary), "remarks": []}
    told = {"headline": headline(metrics), "remarks": remarks(metrics)}
    return {"metrics": metrics, "metric_rows": metric_rows(metrics), "metric_n": metrics[STUDENT]["n"], **told}


def _head(config: ClassifierConfig) -> str:
    layers = "a learnt sum of all layers" if config.layers == "weighted" and config.n_layers > 1 else "the last layer"
    pooled = _POOLED[config.pooling] if isinstance(config.pooling, str) else config.pooling.told
    between = "ReLU, " if config.activation == "relu" else ""
    return (
        f"{layers}, standardised, {pooled}, linear to {config.hidden}, {between}linear to "
        f"{config.n_outputs}; dropout {config.dropout:g} in training"
    )


def _teacher_row(teacher: CardTeacher, labels: pl.DataFrame) -> dict[str, str]:
    heard = labels[f"{teacher.name}_heard"].drop_nulls().cast(pl.String).unique().sort().to_list()
    return {
        "title": system_title(teacher.name),
        "kind": f"`{teacher.kind}`{_SIMULATED if teacher.kind == 'simulated' else ''}",
        "version": f"`{teacher.version}`",
        "draws": teacher.draws,
        "heard": ", ".join(heard) or "–",
    }


def _training_data(data: CardData) -> dict[str, Any]:
    labelled = data.pseudo_labels.filter(pl.col("label").is_not_null())
    speakers = data.clips.filter(pl.col("status") == "ok")["speaker"]
    return {
        "labelled": labelled.height,
        "without": data.pseudo_labels.height - labelled.height,
        "quarantined": int((data.clips["status"] == "quarantined").sum()),
        "length": _length(float(labelled["duration_s"].sum())),
        "languages": _languages(data.clips),
        "speakers": speakers.drop_nulls().n_unique(),
    }


def _length(seconds: float) -> str:
    """In words that fit.

    >>> _length(5), _length(600), _length(90_000)
    ('5 seconds', '10 minutes', '25.0 hours')
    """
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.1f} hours"


def _languages(clips: pl.DataFrame) -> list[str]:
    return [str(name) for name in clips["language"].drop_nulls().unique().sort()]


def _class_rows(
    summary: Mapping[str, Any], metrics: Mapping[str, Any] | None, classes: Sequence[str]
) -> list[dict[str, Any]]:
    shares = {name: summary["systems"][name]["class_shares"] for name in (FUSED, STUDENT)}
    student = metrics[STUDENT] if metrics else {"recall": {}, "confusion": [[] for _ in classes]}
    return [
        {
            "name": name,
            **{system: share[name] for system, share in shares.items()},
            "gold": sum(student["confusion"][place]),
            "recall": student["recall"].get(name),
        }
        for place, name in enumerate(classes)
    ]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown; what users name is checked by the settings or stands in `code`
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"count_clips": count_clips, "percent": _percent}
    return environment


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
