"""Flow: weigh the teachers and write the pseudo-labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect import flow

from flows.place import Place, open_place
from tasks import fuse_labels as stage
from tasks.storage.draws import model_versions


@flow(name="fuse_labels", flow_run_name="fuse_labels-{pipeline}")
def fuse_labels(pipeline: str, pipelines: str, cache: str) -> dict[str, Any]:
    """Reads: `clips.parquet`, all draws. Writes: `pseudo_labels.parquet`. Costs: seconds."""
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings = place.settings

    def work(out: Path, _: Path) -> dict[str, Any]:
        return stage.fuse_labels(
            rule=settings.fuse,
            classes=settings.classes,
            clips_table=place.shown("clips.parquet"),
            draws=place.draws(),
            metadata=_metadata(place),
            out=out / "pseudo_labels.parquet",
        )

    return place.perform("fuse_labels", work)


def _metadata(place: Place) -> dict[str, str]:
    """What the table's file says of itself; plain text, so that any Parquet reader shows it."""
    settings = place.settings
    return {
        "pipeline": place.name,
        "classes": json.dumps(settings.classes),
        "rule": json.dumps(settings.fuse.fingerprint()),
        "teachers": json.dumps({name: teacher.fingerprint() for name, teacher in settings.teachers.items()}),
        "model_versions": json.dumps({name: model_versions(path) for name, path in place.draws().items()}),
        "stage_fingerprint": place.verdict("fuse_labels").fingerprint or "",
    }
