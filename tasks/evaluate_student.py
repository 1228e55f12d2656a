"""Stage: what the student, the teachers and the fused labels say of each clip → metrics, predictions, report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.errors import ClipsError
from tasks.contracts.tables import clips_schema, p_columns, predictions_schema, pseudo_labels_schema
from tasks.encoders.clip_files import files_in
from tasks.evaluation.compare import score_systems
from tasks.evaluation.course import ua_over_steps
from tasks.evaluation.report import ReportData, render_report
from tasks.evaluation.summary import summarise
from tasks.evaluation.systems import FUSED, STUDENT, text_proxies
from tasks.networks.predict import predict_files
from tasks.storage.draws import model_versions
from tasks.storage.files import write_json
from tasks.storage.manifests import read_rows
from tasks.storage.repeats import read_repeats
from tasks.storage.tables import read_table, write_table

Table = pl.DataFrame


@dataclass(frozen=True)
class Evaluated:
    """Where everything lies that is evaluated.

    Attributes:
        folder: What the clips' paths are relative to.
        draws: Each teacher's table; for the versions of the models that answered.
        gold: A table of clip_id and label that overrides the manifest's labels.
        labels: Its labels → classes, as for the manifest's.
        costs: What the paid teachers' stages counted.
        repeats: Of teachers whose repeats were chosen, the tables of how each pair did.
        standardise: By whose statistics the classifier teacher's features are standardised, `source` or `target`.
    """

    clips: Path
    pseudo_labels: Path
    student: Path
    folder: Path
    features: Path
    draws: dict[str, Path]
    gold: Path | None
    labels: dict[str, str]
    settings: dict[str, Any]
    costs: dict[str, Any]
    standardise: str = "source"
    repeats: Mapping[str, Path] = field(default_factory=dict)


# NO_CACHE: freshness is decided by our stage records.
@task(name="evaluate_student", cache_policy=NO_CACHE)
def evaluate_student(
    pipeline: str, classes: list[str], teachers: list[str], classifier: str, of: Evaluated, out: Path
) -> dict[str, Any]:
    """Writes `predictions.parquet`, `metrics.json` and `report.html`. Gold, where there is any, is read here alone.

    Args:
        pipeline: Its name, for the report.
        classes: The pipeline's.
        teachers: All teachers' names.
        classifier: Which of them the source classifier is; its row is called `source`.
        of: Where everything lies.
        out: The folder to write to.
    """
    clips = read_table(of.clips, clips_schema())
    labels = read_table(of.pseudo_labels, pseudo_labels_schema(classes, teachers))
    predictions = _predictions(labels, clips.filter(pl.col("status") == "ok"), of, classes)
    write_table(out / "predictions.parquet", predictions, predictions_schema(classes))
    given = _gold(clips, of.gold, of.labels)
    gold = given.filter(pl.col("gold_label").is_in(classes))
    if given.height and not gold.height:
        found = ", ".join(sorted(set(given["gold_label"]))[:8])
        raise ClipsError(
            f"none of the {given.height} gold labels is one of the classes {', '.join(classes)}; found: {found}. "
            "Rename them with clips.labels in pipelines.yaml."
        )
    metrics = _metrics(gold, labels, predictions, classes, teachers, classifier)
    summary = summarise(labels, predictions, teachers, classes)
    _mark(metrics, summary["systems"], text_proxies(labels, teachers), classifier, of.standardise)
    write_json(out / "metrics.json", metrics or {"summary": summary})
    data = ReportData(
        pipeline=pipeline,
        classes=classes,
        teachers=teachers,
        clips=clips,
        pseudo_labels=labels,
        predictions=predictions,
        metrics=metrics,
        summary=summary,
        curves=pl.read_parquet(of.student / "curves.parquet"),
        ua_over_steps=_ua_over_steps(of.student / "named.parquet", labels, gold),
        warnings=json.loads((of.student / "warnings.json").read_text(encoding="utf-8")),
        settings=of.settings,
        versions=_versions(of.draws),
        costs=of.costs,
        repeats={name: read_repeats(path) for name, path in of.repeats.items()},
        cohort=pl.read_parquet(cohort) if (cohort := of.student / "cohort.parquet").is_file() else None,
    )
    (out / "report.html").write_text(render_report(data), encoding="utf-8")
    # A gold label that is none of the pipeline's classes says nothing of systems that know only these.
    return {"clips": predictions.height, "with_gold": gold.height, "gold_of_other_classes": given.height - gold.height}


def _ua_over_steps(named: Path, labels: Table, gold: Table) -> Table | None:
    """None without gold, and of a trainer that did not look at its student on the way."""
    if not gold.height or not named.is_file():
        return None
    return ua_over_steps(pl.read_parquet(named), gold.join(labels.select("clip_id", "sha256"), on="clip_id"))


def _mark(
    metrics: dict[str, Any] | None, systems: dict[str, Any], proxies: list[str], classifier: str, standardise: str
) -> None:
    """Says at the rows of teachers what their scores do not: see `marked_title`."""
    for teacher in proxies:
        for rows in filter(None, (metrics, systems)):
            rows[teacher]["heard"] = "text proxy"
    if standardise == "target":
        for row in filter(None, ((metrics or {}).get("source"), systems[classifier])):
            row["standardise"] = "target"


def _versions(draws: dict[str, Path]) -> dict[str, str]:
    """What answered, and the packages that decide numbers."""
    models = {name: ", ".join(model_versions(path)) for name, path in draws.items()}
    return models | {package: version(package) for package in ("mifuse", "torch", "transformers", "polars")}


def _predictions(labels: Table, clips: Table, of: Evaluated, classes: list[str]) -> Table:
    """What the student says of every usable clip, without dropout."""
    rows = labels.select("clip_id", "path", "sha256", "duration_s")
    files = files_in(rows, of.folder, clips)
    probs_NC, found_classes = predict_files(of.student, files, of.features)
    probs_NC = probs_NC[:, [found_classes.index(name) for name in classes]]
    probs = pl.DataFrame(probs_NC, p_columns(classes), orient="row")
    named = pl.Series("label", [classes[i] for i in probs_NC.argmax(axis=1)], pl.Enum(classes))
    confidence = pl.Series("confidence", probs_NC.max(axis=1))
    return pl.concat([rows.select("clip_id", "path"), pl.DataFrame([named, confidence]), probs], how="horizontal")


def _gold(clips: Table, path: Path | None, labels: dict[str, str]) -> Table:
    """clip_id and gold_label of the usable clips that have one."""
    usable = clips.filter(pl.col("status") == "ok")
    if path is not None:
        given = read_rows(path)
        if missing := {"clip_id", "label"} - set(given.columns):
            raise ClipsError(f"{path}: gold labels need the columns clip_id and label; missing: {sorted(missing)}.")
        given = given.select(
            pl.col("clip_id").cast(pl.String), gold_label=pl.col("label").cast(pl.String).replace(labels)
        )
        if given["clip_id"].is_duplicated().any():
            raise ClipsError(f"{path}: some clip_id occurs more than once; each clip has one gold label.")
        if not given["clip_id"].is_in(clips["clip_id"].to_list()).any():
            example = clips["clip_id"][0]
            raise ClipsError(f'{path}: none of its rows names a clip by its clip_id, such as "{example}".')
        usable = usable.drop("gold_label").join(given, on="clip_id", how="left", maintain_order="left")
    return usable.select("clip_id", "gold_label").drop_nulls("gold_label")


def _metrics(
    gold: Table, labels: Table, predictions: Table, classes: list[str], teachers: list[str], classifier: str
) -> dict[str, Any] | None:
    """All systems over the same clips; None without gold."""
    if not gold.height:
        return None

    def probs(table: Table, prefix: str = "") -> NDArray[np.float64]:
        rows = gold.join(table, on="clip_id", how="left", maintain_order="left")
        return rows.select(pl.col(p_columns(classes, prefix)).fill_null(float("nan"))).to_numpy()

    systems = {("source" if name == classifier else name): probs(labels, name) for name in teachers}
    systems |= {FUSED: probs(labels), STUDENT: probs(predictions)}
    return score_systems(gold["gold_label"].to_list(), systems, classes)
