"""Flow: dropout passes of the source classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.dag import draws_file, teacher_node
from flows.place import Place, open_place
from flows.shards import compute_missing_draws, compute_missing_features
from tasks import mc_dropout as stage
from tasks.storage.clips import read_usable_clips
from tasks.teachers.mc_dropout import check_dropout, own_config
from tasks.teachers.shards import draw_job


@flow(name="mc_dropout", flow_run_name="mc_dropout-{pipeline}-{teacher}")
def mc_dropout(pipeline: str, pipelines: str, cache: str, teacher: str = "classifier") -> dict[str, Any]:
    """Reads: `clips.parquet`, audio, the classifier. Writes: `draws/<teacher>.parquet`. Costs: a pass per clip."""
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings = place.settings

    def work(out: Path, work: Path) -> dict[str, Any]:
        computed = _encoder_passes(place, work)
        stats = stage.mc_dropout(
            teacher=settings.classifier,
            classes=settings.classes,
            clips_table=place.shown("clips.parquet"),
            folder=place.clips_folder,
            features=place.shared("features"),
            mc_draws=place.shared("mc_draws"),
            out=out / draws_file(teacher),
            statistics=place.statistics(),
        )
        return stats | {"computed": stats["computed"] + computed}

    return place.perform(teacher_node(settings, teacher), work)


def _encoder_passes(place: Place, work: Path) -> int:
    """What many workers can share: all draws, or the features that the head's draws are made of. How many draws."""
    teacher = place.settings.classifier
    config = own_config(teacher)
    check_dropout(teacher, config)
    files = stage.files_of(read_usable_clips(place.shown("clips.parquet")), place.clips_folder)
    if not teacher.makes_encoder_passes:
        compute_missing_features(teacher, config, files, place.shared("features"), work)
        return 0
    job = draw_job(teacher, config, place.statistics(), place.shared("mc_draws"))
    return sum(shard.draws for shard in compute_missing_draws(job, files, work))
