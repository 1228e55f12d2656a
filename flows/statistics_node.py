"""The node of the target's statistics, and who reads them; only where the classifier has `standardise: target`."""

from __future__ import annotations

from flows.classifier_input import classifier_input
from flows.settings import PipelineSettings
from tasks.contracts.stages import Node, Read

_COLUMNS = ("layer", "feature", "mean", "std")


def statistics_file(teacher: str) -> str:
    """Where the target's statistics are, below the pipeline's folder."""
    return f"statistics/{teacher}.parquet"


def statistics_nodes(name: str, pipeline: PipelineSettings) -> list[Node]:
    """One node, or none where the classifier keeps its source's statistics."""
    if pipeline.classifier.standardise == "source":
        return []
    teacher = pipeline.classifier_name
    # They depend on what this pipeline has shown before, so they are not shared with one of another name.
    settings = {f"teachers.{teacher}": {"standardise": "target"}, "pipeline": name}
    reads = (Read("index_clips", "clips.parquet", ("sha256", "status")),)
    writes = (statistics_file(teacher),)
    return [Node("target_statistics", _node(teacher), settings, reads, writes, lambda: classifier_input(pipeline))]


def statistics_reads(pipeline: PipelineSettings) -> tuple[Read, ...]:
    """What a node that uses the classifier reads of them; nothing where there are none."""
    if pipeline.classifier.standardise == "source":
        return ()
    teacher = pipeline.classifier_name
    return (Read(_node(teacher), statistics_file(teacher), _COLUMNS),)


def _node(teacher: str) -> str:
    return f"target_statistics.{teacher}"
