"""The node that publishes the results; only where the pipeline says `publish`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.settings import PipelineSettings
from tasks.contracts.stages import Node, Read
from tasks.storage.file_systems import endpoint_of
from tasks.storage.publishing import PUBLISHED, check_published

NODE = "publish_results"
_INNER = {"seen.parquet"}  # what a rule was fitted on: large, and of use to training alone


def publish_nodes(name: str, pipeline: PipelineSettings, nodes: Sequence[Node], cache: Path, deep: bool) -> list[Node]:
    """One node, or none where nothing is said of publishing.

    Args:
        name: The pipeline's.
        pipeline: Its settings.
        nodes: All the others; what they write is published, each file whole.
        cache: The cache.
        deep: Whether to look if what was published is there still.
    """
    to = pipeline.publish
    if to is None:
        return []

    def outside() -> dict[str, str]:
        if deep:
            check_published(to, cache / name / PUBLISHED, f"mifuse run {name} --force {NODE}")
        return {}

    reads = tuple(Read(node.name, output) for node in nodes for output in node.writes if output not in _INNER)
    where = {"url": str(to.url)} | ({"endpoint_url": endpoint} if (endpoint := endpoint_of(to.options)) else {})
    settings = {"publish": where, "pipeline": name}
    return [Node(NODE, NODE, settings, reads, (PUBLISHED,), outside)]
