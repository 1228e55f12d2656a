"""The nodes of zero-shot teachers: the choice of their repeats, where that is asked for, and their draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.clip_changes import FoundClips
from flows.settings import PipelineSettings
from tasks.contracts.errors import ClipsError
from tasks.contracts.stages import Node, Read
from tasks.storage.clip_source import manifest_digest
from tasks.storage.files import sha256_of_json
from tasks.students.source_settings import SourceSettings
from tasks.teachers.zero_shot import ZeroShotSettings


def repeats_file(teacher: str) -> str:
    """Where a teacher's choice of repeats is, below the pipeline's folder."""
    return f"repeats/{teacher}.parquet"


def pair_file(teacher: str) -> str:
    """Where the chosen pair stands alone."""
    return f"repeats/{teacher}-chosen.parquet"


def chosen_by_source(pipeline: PipelineSettings) -> list[str]:
    """The teachers whose repeats are chosen on labelled source clips."""
    return [name for name, teacher in pipeline.zero_shot.items() if teacher.repeats == "chosen"]


def choice_nodes(pipeline: PipelineSettings, cache: Path, *, deep: bool) -> list[Node]:
    """One node for each teacher whose repeats are to be chosen."""
    return [_choice_node(pipeline, name, cache, deep) for name in chosen_by_source(pipeline)]


def choice_reads(pipeline: PipelineSettings) -> tuple[Read, ...]:
    """What the report reads of all choices."""
    return tuple(Read(f"choose_repeats.{name}", repeats_file(name)) for name in chosen_by_source(pipeline))


def zero_shot_node(pipeline: PipelineSettings, name: str, reads: tuple[Read, ...], writes: tuple[str, ...]) -> Node:
    """The node of one teacher's draws."""
    teacher = pipeline.zero_shot[name]
    settings = {f"teachers.{name}": _but_grid(teacher), "classes": pipeline.classes}
    reads += (Read(f"choose_repeats.{name}", pair_file(name)),) if teacher.repeats == "chosen" else ()
    return Node("zero_shot", f"zero_shot.{name}", settings, reads, writes, lambda: _model(teacher))


def _choice_node(pipeline: PipelineSettings, name: str, cache: Path, deep: bool) -> Node:
    teacher, source = pipeline.zero_shot[name], pipeline.source
    assert source is not None, "repeats: chosen without a source is a mistake in the settings"
    found = FoundClips(source.clips, cache, deep=deep)

    def outside() -> dict[str, str]:
        try:
            manifest = manifest_digest(source.clips, cache)
            clips = {"source.clips": sha256_of_json(found.sha256s)}
        except ClipsError as error:
            raise ClipsError(
                f"{error} The source is looked at since teachers.{name}.repeats is `chosen`; to go on without it, "
                f"write the pair down: `repeats: [[1, 1]]`, or what the last choice was ({repeats_file(name)})."
            ) from error
        return clips | ({"source.manifest": manifest} if manifest else {}) | _model(teacher)

    settings = {
        f"teachers.{name}": teacher.fingerprint(),
        "classes": pipeline.classes,
        "source": _split(pipeline, source),
    }
    return Node(
        "choose_repeats", f"choose_repeats.{name}", settings, (), (repeats_file(name), pair_file(name)), outside
    )


def _split(pipeline: PipelineSettings, source: SourceSettings) -> dict[str, Any]:
    """What decides which source clips are held out."""
    held_out = {"validation": source.validation, "seed": source.seed}
    return {"clips": source.clips.fingerprint(), "classes": pipeline.source_classes, **held_out}


def _but_grid(teacher: ZeroShotSettings) -> dict[str, Any]:
    """What the draws depend on: the grid only in that a pair is chosen from it."""
    return {key: value for key, value in teacher.fingerprint().items() if key != "grid"}


def _model(teacher: ZeroShotSettings) -> dict[str, str]:
    return {"model": sha256_of_json(teacher.encoder(1).identity())}
