"""Flow: the target's feature statistics, frozen until they are asked for again or have drifted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.classifier_input import classifier_input
from flows.place import Place, open_place
from flows.shards import compute_missing_features
from flows.statistics_node import statistics_file
from tasks import target_statistics as stage
from tasks.storage.stage_records import changed_outputs


@flow(name="target_statistics", flow_run_name="target_statistics-{pipeline}-{teacher}")
def target_statistics(
    pipeline: str, pipelines: str, cache: str, teacher: str = "classifier", force: bool = False
) -> dict[str, Any]:
    """Reads: `clips.parquet`, audio, the classifier, what it wrote last. Writes: `statistics/<teacher>.parquet`.

    Costs: a pass of the encoder over each clip that has no stored features. `force` estimates again in any case.
    """
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings, node = place.settings, f"target_statistics.{teacher}"

    def work(out: Path, work: Path) -> dict[str, Any]:
        heard, files = stage.to_hear(settings.classifier, place.shown("clips.parquet"), place.clips_folder)
        compute_missing_features(settings.classifier, heard, files, place.shared("features"), work)
        return stage.target_statistics(
            teacher=settings.classifier,
            classifier=classifier_input(settings)["classifier"],
            clips_table=place.shown("clips.parquet"),
            folder=place.clips_folder,
            features=place.shared("features"),
            frozen=_frozen(place, node, teacher),
            force=force,
            out=out / statistics_file(teacher),
        )

    return place.perform(node, work)


def _frozen(place: Place, node: str, teacher: str) -> Path | None:
    """What the pipeline shows, unless somebody edited it: a changed number must not be frozen."""
    nodes = {each.name: each for each in place.nodes}
    record = place.store.record_of(nodes[node])
    if record is None or changed_outputs(record, place.shown("")):
        return None
    return place.shown(statistics_file(teacher))
