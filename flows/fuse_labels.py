"""Flow: weigh the teachers and write the pseudo-labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect import flow

from flows.place import Place, open_place
from flows.shards import compute_missing_features
from tasks import fuse_labels as stage
from tasks.mc_dropout import files_of
from tasks.storage.clips import read_usable_clips
from tasks.storage.draws import model_versions
from tasks.teachers.mc_dropout import own_config


@flow(name="fuse_labels", flow_run_name="fuse_labels-{pipeline}")
def fuse_labels(pipeline: str, pipelines: str, cache: str) -> dict[str, Any]:
    """Reads: `clips.parquet`, all draws. Writes: `pseudo_labels.parquet`. Costs: seconds.

    A rule that sees the clips reads their stored features too, and writes what it saw to `seen.parquet`; clips
    without features cost a pass of the encoder each.
    """
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings = place.settings

    def work(out: Path, work: Path) -> dict[str, Any]:
        encoder = _encoder(place, work) if settings.fuse.sees else None
        return stage.fuse_labels(
            rule=settings.fuse,
            classes=settings.classes,
            clips_table=place.shown("clips.parquet"),
            draws=place.draws(),
            metadata=_metadata(place),
            out=out / "pseudo_labels.parquet",
            encoder=encoder,
            lacks=settings.lacks,
        )

    return place.perform("fuse_labels", work)


def _encoder(place: Place, work: Path) -> stage.ClipsEncoder:
    """The classifier's encoder, once it has heard every clip."""
    classifier, folder = place.settings.classifier, place.clips_folder
    config = own_config(classifier)
    files = files_of(read_usable_clips(place.shown("clips.parquet")), folder)
    compute_missing_features(classifier, config.for_means(), files, place.shared("features"), work)
    return stage.ClipsEncoder(classifier, folder, place.shared("features"))


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
