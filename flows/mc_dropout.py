"""Flow: dropout passes of the source classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.dag import draws_file, teacher_node
from flows.place import open_place
from tasks import mc_dropout as stage


@flow(name="mc_dropout", flow_run_name="mc_dropout-{pipeline}-{teacher}")
def mc_dropout(pipeline: str, pipelines: str, cache: str, teacher: str = "classifier") -> dict[str, Any]:
    """Reads: `clips.parquet`, audio, the classifier. Writes: `draws/<teacher>.parquet`. Costs: a pass per clip."""
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings = place.settings

    def work(out: Path, _: Path) -> dict[str, Any]:
        return stage.mc_dropout(
            teacher=settings.classifier,
            classes=settings.classes,
            clips_table=place.shown("clips.parquet"),
            folder=settings.clips.folder,
            features=place.shared("features"),
            out=out / draws_file(teacher),
        )

    return place.perform(teacher_node(settings, teacher), work)
