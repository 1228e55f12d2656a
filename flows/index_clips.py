"""Flow: list, hash and measure the recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.dag import facts_memory
from flows.place import open_place
from tasks import index_clips as stage
from tasks.storage.clip_source import fetch_source


@flow(name="index_clips", flow_run_name="index_clips-{pipeline}")
def index_clips(pipeline: str, pipelines: str, cache: str) -> dict[str, Any]:
    """Reads: the audio folder and the manifest. Writes: `clips.parquet`. Costs: one decoding of each new file.

    What lies at a URL is fetched first, once.
    """
    place = open_place(pipeline, Path(pipelines), Path(cache))
    clips = place.settings.clips

    def work(out: Path, _: Path) -> dict[str, Any]:
        return stage.index_clips(clips, place.cache, facts_memory(place.cache), out / "clips.parquet")

    fetch_source(clips, place.cache)  # before anybody asks what the index depends on
    return place.perform("index_clips", work)
