"""Flow: a dual encoder's draws, without any label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.dag import draws_file, teacher_node
from flows.place import open_place
from flows.shards import compute_encoder_features
from flows.zero_shot_node import pair_file
from tasks import zero_shot as stage
from tasks.storage.clips import read_usable_clips


@flow(name="zero_shot", flow_run_name="zero_shot-{pipeline}-{teacher}")
def zero_shot(pipeline: str, pipelines: str, cache: str, teacher: str = "zero_shot") -> dict[str, Any]:
    """Reads: `clips.parquet`, audio, the model. Writes: `draws/<teacher>.parquet`.

    Costs: a pass of the audio encoder per clip and number of audio repeats, where the clip's vector is not kept.
    """
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings = place.settings
    asked = settings.zero_shot[teacher]
    repeats = place.shown(pair_file(teacher)) if asked.repeats == "chosen" else None

    def work(out: Path, work: Path) -> dict[str, Any]:
        clips, folder = place.shown("clips.parquet"), place.clips_folder
        files = stage.files_of(read_usable_clips(clips), folder)
        heard = 0
        for audio in dict.fromkeys(audio for audio, _ in stage.pairs_of(asked, repeats)):
            done = compute_encoder_features(asked, asked.encoder(audio), files, place.shared("features"), work)
            heard += sum(shard.clips for shard in done)
        stats = stage.zero_shot(
            teacher=asked,
            classes=settings.classes,
            clips_table=clips,
            folder=folder,
            features=place.shared("features"),
            out=out / draws_file(teacher),
            repeats=repeats,
        )
        return stats | {"heard": heard}

    return place.perform(teacher_node(settings, teacher), work)
