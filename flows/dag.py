"""The DAG of one pipeline: its nodes in the order in which they run, and what each one's result depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.settings import PipelineSettings
from tasks.contracts.stages import Node, Read
from tasks.contracts.tables import p_columns
from tasks.networks.config import check_classes, check_encoder, read_config
from tasks.storage.file_hashes import hash_files
from tasks.storage.files import sha256_of_file, sha256_of_json
from tasks.storage.manifests import list_clips
from tasks.teachers import PaidSettings


def nodes_of(pipeline: PipelineSettings, cache: Path) -> list[Node]:
    """All nodes of the pipeline, each after those it reads from."""
    teachers = [_teacher_node(pipeline, name, cache) for name in pipeline.teachers]
    return [_index(pipeline, cache), *teachers, _fuse(pipeline), _train(pipeline), _evaluate(pipeline)]


def teacher_node(pipeline: PipelineSettings, name: str) -> str:
    """The name of a teacher's node."""
    stage = "query_lalm" if isinstance(pipeline.teachers[name], PaidSettings) else "mc_dropout"
    return f"{stage}.{name}"


def draws_file(teacher: str) -> str:
    """Where a teacher's draws are, below the pipeline's folder."""
    return f"draws/{teacher}.parquet"


def _clips(*columns: str) -> Read:
    return Read("index_clips", "clips.parquet", ("sha256", *columns))


def _draws(pipeline: PipelineSettings, teacher: str) -> Read:
    columns = ("sha256", "draw", "status", *p_columns(pipeline.classes))
    return Read(teacher_node(pipeline, teacher), draws_file(teacher), columns)


def _index(pipeline: PipelineSettings, cache: Path) -> Node:
    clips = pipeline.clips

    def outside() -> dict[str, str]:
        rows = list_clips(clips.folder, clips.manifest, clips.labels)
        hashes = hash_files(clips.folder, rows["path"].to_list(), hash_memory(cache, clips.folder))
        content = sha256_of_json(sorted(zip(rows["path"].to_list(), hashes, strict=True)))
        listing = {"clips": content}
        return listing | ({"manifest": sha256_of_file(clips.manifest)} if clips.manifest else {})

    return Node("index_clips", "index_clips", clips.fingerprint(), (), ("clips.parquet",), outside)


def hash_memory(cache: Path, folder: Path) -> Path:
    """Where the hashes of this folder's files are remembered."""
    return cache / "audio" / f"hashes-{sha256_of_json(str(folder))[:16]}.parquet"


def _teacher_node(pipeline: PipelineSettings, name: str, cache: Path) -> Node:
    teacher = pipeline.teachers[name]
    node, writes = teacher_node(pipeline, name), (draws_file(name),)
    # clip_id is not computed from, but it is printed: a renamed clip rewrites the table, at no cost.
    reads = (_clips("clip_id", "status"),)
    if isinstance(teacher, PaidSettings):
        settings: dict[str, Any] = {"draws": teacher.draws, "asked": teacher.asked(pipeline.classes)}
        return Node("query_lalm", node, settings, reads, writes)
    settings = teacher.fingerprint() | {"classes": pipeline.classes}
    return Node("mc_dropout", node, settings, reads, writes, lambda: _classifier(pipeline))


def _classifier(pipeline: PipelineSettings) -> dict[str, str]:
    folder = pipeline.classifier.path
    config = read_config(folder)
    check_classes(config, pipeline.classes, folder)
    check_encoder(config, folder)
    weights = sha256_of_file(folder / "model.safetensors")
    return {"classifier": sha256_of_json([weights, config.model_dump(mode="json", exclude={"encoder"})])}


def _fuse(pipeline: PipelineSettings) -> Node:
    settings = {"rule": pipeline.fuse.fingerprint(), "classes": pipeline.classes, "teachers": list(pipeline.teachers)}
    reads = (
        _clips("clip_id", "path", "duration_s", "status"),
        *(_draws(pipeline, teacher) for teacher in pipeline.teachers),
    )
    return Node("fuse_labels", "fuse_labels", settings, reads, ("pseudo_labels.parquet",))


def _train(pipeline: PipelineSettings) -> Node:
    settings: dict[str, Any] = {"student": pipeline.student.fingerprint(), "classes": pipeline.classes}
    reads = [Read("fuse_labels", "pseudo_labels.parquet", ("sha256", *p_columns(pipeline.classes)))]
    if pipeline.student.teacher_refresh != "never":
        # The fusion is repeated with the moving teacher, so the rule and the draws are inputs too.
        settings |= {"rule": pipeline.fuse.fingerprint(), "classifier_draws": pipeline.classifier.draws}
        reads += [_draws(pipeline, teacher) for teacher in pipeline.teachers]
    return Node("train_student", "train_student", settings, tuple(reads), ("student",), lambda: _classifier(pipeline))


def _evaluate(pipeline: PipelineSettings) -> Node:
    gold = pipeline.evaluate.gold
    reads = (
        _clips("clip_id", "path", "duration_s", "status", "reason", "gold_label"),
        Read("fuse_labels", "pseudo_labels.parquet"),
        Read("train_student", "student"),
    )
    writes = ("metrics.json", "predictions.parquet", "report.html")
    settings = {"classes": pipeline.classes, "teachers": list(pipeline.teachers)}
    return Node(
        "evaluate_student",
        "evaluate_student",
        settings,
        reads,
        writes,
        lambda: {"gold": sha256_of_file(gold)} if gold else {},
    )
