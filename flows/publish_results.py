"""Flow: copy the results to where others read them. Only where the pipeline says `publish`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.place import Place, open_place
from flows.publish_node import NODE
from tasks import publish_results as stage
from tasks.contracts.errors import SettingsError
from tasks.storage.files import remove
from tasks.storage.publishing import PUBLISHED, read_published


@flow(name="publish_results", flow_run_name="publish_results-{pipeline}")
def publish_results(pipeline: str, pipelines: str, cache: str) -> dict[str, Any]:
    """Reads: all results. Writes: `publish` of pipelines.yaml, `published.json`. Costs: sending what has changed."""
    place = open_place(pipeline, Path(pipelines), Path(cache))
    to = place.settings.publish
    if to is None:
        raise SettingsError(f'{pipelines}, pipeline "{pipeline}": no `publish:`; it names the folder or the URL.')

    def work(out: Path, _: Path) -> dict[str, Any]:
        _forget_earlier(place)
        node = next(node for node in place.nodes if node.name == NODE)
        outputs = {read.output: place.shown(read.output) for read in node.reads}
        return stage.publish_results(pipeline, outputs, _fingerprints(place), to, out)

    return place.perform(NODE, work)


def _fingerprints(place: Place) -> dict[str, str]:
    records = {node.name: place.store.record_of(node) for node in place.nodes if node.name != NODE}
    return {name: record.fingerprint for name, record in records.items() if record is not None}


def _forget_earlier(place: Place) -> None:
    """Whoever goes back to earlier settings finds earlier results here, but what was published has been replaced."""
    for copy in (place.shared("store") / NODE).glob(f"*/{PUBLISHED}"):
        if read_published(copy).pipeline == place.name:
            remove(copy.parent)
