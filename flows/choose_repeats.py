"""Flow: which pair of repeats a zero-shot teacher is given, by labelled source clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.labelled_source import labelled_source
from flows.place import open_place
from flows.zero_shot_node import pair_file, repeats_file
from tasks import choose_repeats as stage
from tasks.storage.clip_source import audio_folder, fetch_source
from tasks.storage.files import replacing


@flow(name="choose_repeats", flow_run_name="choose_repeats-{pipeline}-{teacher}")
def choose_repeats(pipeline: str, pipelines: str, cache: str, teacher: str = "zero_shot") -> dict[str, Any]:
    """Reads: `source.clips` with labels, the model. Writes: `repeats/<teacher>….parquet`. The target is not read.

    Costs: a pass of the audio encoder per held-out source clip and number of the grid, where it is not kept.
    """
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings, node = place.settings, f"choose_repeats.{teacher}"
    source = settings.source
    assert source is not None, "repeats: chosen without a source is a mistake in the settings"
    fetch_source(source.clips, place.cache)  # before the fingerprint is made: what is not fetched has no content

    def work(out: Path, work: Path) -> dict[str, Any]:
        clips = labelled_source(place, source, lambda line: print(f"  {node:<24} {line}", flush=True))
        with replacing(table := work / "labelled.parquet") as temporary:
            clips.write_parquet(temporary)
        return stage.choose_repeats(
            teacher=settings.zero_shot[teacher],
            classes=settings.classes,
            source=source,
            clips=table,
            folder=audio_folder(source.clips, place.cache, dict(clips.select("path", "sha256").iter_rows())),
            features=place.shared("features"),
            out=out / repeats_file(teacher),
            pair=out / pair_file(teacher),
        )

    return place.perform(node, work)
