"""Flow: compare the student with its teachers and write the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.place import Place, open_place
from flows.zero_shot_node import chosen_by_source, repeats_file
from tasks import evaluate_student as stage
from tasks.storage.clip_source import here


@flow(name="evaluate_student", flow_run_name="evaluate_student-{pipeline}")
def evaluate_student(pipeline: str, pipelines: str, cache: str) -> dict[str, Any]:
    """Reads: pseudo-labels, `student/`, gold. Writes: `metrics.json`, `predictions.parquet`, `report.html`."""
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings = place.settings
    gold = settings.evaluate.gold

    def work(out: Path, _: Path) -> dict[str, Any]:
        of = stage.Evaluated(
            clips=place.shown("clips.parquet"),
            pseudo_labels=place.shown("pseudo_labels.parquet"),
            student=place.shown("student"),
            folder=place.clips_folder,
            features=place.shared("features"),
            draws=place.draws(),
            gold=here(gold, settings.clips.options, place.cache) if gold else None,
            labels=settings.clips.labels,
            settings=settings.fingerprint(),
            costs=_costs(place),
            standardise=settings.classifier.standardise,
            repeats={name: place.shown(repeats_file(name)) for name in chosen_by_source(settings)},
        )
        return stage.evaluate_student(
            pipeline, settings.classes, list(settings.teachers), settings.classifier_name, of, out
        )

    return place.perform("evaluate_student", work)


def _costs(place: Place) -> dict[str, Any]:
    """What the paid teachers' stages counted, added up."""
    total: dict[str, Any] = {}
    for node in place.nodes:
        record = place.store.record_of(node) if node.stage == "query_lalm" else None
        for key, count in (record.stats if record else {}).items():
            if isinstance(count, int | float):  # the others are words, such as which model versions answered
                total[key] = total.get(key, 0) + count
    return total
