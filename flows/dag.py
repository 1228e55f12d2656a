"""The DAG of one pipeline: its nodes in the order in which they run, and what each one's result depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.classifier_input import classifier_input, text_columns
from flows.index_node import index_node
from flows.publish_node import publish_nodes
from flows.settings import PipelineSettings
from flows.statistics_node import statistics_nodes, statistics_reads
from flows.zero_shot_node import choice_nodes, choice_reads, zero_shot_node
from tasks.contracts.errors import ClipsError
from tasks.contracts.stages import CODE_VERSIONS, Node, Read
from tasks.contracts.tables import p_columns
from tasks.storage.clip_source import here
from tasks.storage.files import sha256_of_file
from tasks.students.cohort import CohortSettings
from tasks.students.finetune_settings import FineTuneSettings
from tasks.students.mi_fuse import MIFuseSettings
from tasks.teachers import PaidSettings
from tasks.teachers.paid import AdaptiveDraws
from tasks.teachers.zero_shot import ZeroShotSettings


def nodes_of(name: str, pipeline: PipelineSettings, cache: Path, *, deep: bool = False) -> list[Node]:
    """All nodes of the pipeline with this name, each after those it reads from; `deep` hashes all audio again."""
    # The paid ones last: what is free fails first, and their adaptive draws look at the classifier's.
    order = sorted(pipeline.teachers, key=lambda teacher: teacher in pipeline.paid)
    teachers = [_teacher_node(pipeline, teacher) for teacher in order]
    nodes = [
        index_node(pipeline, cache, deep),
        *statistics_nodes(name, pipeline),
        *choice_nodes(pipeline, cache, deep=deep),
        *teachers,
        _fuse(name, pipeline),
        _train(name, pipeline),
        _evaluate(name, pipeline, cache),
    ]
    return nodes + publish_nodes(name, pipeline, nodes, cache, deep)


def teacher_node(pipeline: PipelineSettings, name: str) -> str:
    """The name of a teacher's node."""
    kind = pipeline.teachers[name].kind
    return f"{kind if kind in ('mc_dropout', 'zero_shot') else 'query_lalm'}.{name}"


def draws_file(teacher: str) -> str:
    """Where a teacher's draws are, below the pipeline's folder."""
    return f"draws/{teacher}.parquet"


def _clips(*columns: str) -> Read:
    return Read("index_clips", "clips.parquet", ("sha256", *columns))


def _draws(pipeline: PipelineSettings, teacher: str, *more: str) -> Read:
    columns = ("sha256", "draw", "status", *p_columns(pipeline.classes), *more)
    return Read(teacher_node(pipeline, teacher), draws_file(teacher), columns)


def facts_memory(cache: Path) -> Path:
    """Where measurements of audio are remembered; a new version of the code measures again."""
    return cache / "audio" / f"facts-{CODE_VERSIONS['index_clips']}.parquet"


def _teacher_node(pipeline: PipelineSettings, name: str) -> Node:
    teacher = pipeline.teachers[name]
    node, writes = teacher_node(pipeline, name), (draws_file(name),)
    # Settings stand under the key that they have in pipelines.yaml, so that reasons name them as a user does.
    # clip_id is not computed from, but it is printed: a renamed clip rewrites the table, at no cost.
    reads: tuple[Read, ...] = (_clips("clip_id", "status"),)
    if isinstance(teacher, PaidSettings):
        return _paid_node(pipeline, name, teacher)
    if isinstance(teacher, ZeroShotSettings):
        return zero_shot_node(pipeline, name, reads, writes)
    settings = {f"teachers.{name}": teacher.fingerprint(), "classes": pipeline.classes}
    reads = (_clips("clip_id", "status", *text_columns(pipeline)), *statistics_reads(pipeline))
    return Node("mc_dropout", node, settings, reads, writes, lambda: classifier_input(pipeline))


def _paid_node(pipeline: PipelineSettings, name: str, teacher: PaidSettings) -> Node:
    asked = teacher.asked(teacher.asks_about(pipeline.classes))
    prompts = [each["prompt"] for each in asked]
    settings = asked[0] | {"prompt": prompts[0] if len(prompts) == 1 else prompts, "synonyms": teacher.synonyms}
    if teacher.labels or teacher.lacks:  # elsewhere the question names the classes
        settings |= {"labels": teacher.labels, "lacks": teacher.lacks, "classes": pipeline.classes}
    settings["draws"] = teacher.draws.fingerprint() if isinstance(teacher.draws, AdaptiveDraws) else teacher.draws
    reads: tuple[Read, ...] = (_clips("clip_id", "status", *(["transcript"] if "transcript" in teacher.reads else [])),)
    if isinstance(teacher.draws, AdaptiveDraws):
        reads += (_draws(pipeline, pipeline.classifier_name),)
    return Node("query_lalm", f"query_lalm.{name}", {f"teachers.{name}": settings}, reads, (draws_file(name),))


def _fuse(name: str, pipeline: PipelineSettings) -> Node:
    settings = {"fuse": pipeline.fuse.fingerprint(), "classes": pipeline.classes, "teachers": list(pipeline.teachers)}
    settings |= _lacks(pipeline)
    settings["pipeline"] = name  # printed in the file: not shared with a pipeline of another name
    sees = pipeline.fuse.sees
    reads = (
        _clips("clip_id", "path", "duration_s", "status", *(["speaker"] if sees else [])),
        *(_draws(pipeline, teacher, "heard", "unmapped") for teacher in pipeline.teachers),
    )
    writes = ("pseudo_labels.parquet", *(["seen.parquet"] if sees else []))

    def outside() -> dict[str, str]:
        pipeline.fuse.check_installed()
        return classifier_input(pipeline) if sees else {}

    return Node("fuse_labels", "fuse_labels", settings, reads, writes, outside)


def _train(name: str, pipeline: PipelineSettings) -> Node:
    student = pipeline.student
    settings: dict[str, Any] = {"student": student.fingerprint(), "classes": pipeline.classes} | _lacks(pipeline)
    if isinstance(student, MIFuseSettings) and student.warm_start:
        # The last student is no input: each would make the next one stale. But the result depends on what this
        # pipeline has shown before, so it is not shared with one of another name.
        settings["pipeline"] = name
    labels = Read("fuse_labels", "pseudo_labels.parquet", ("sha256", *p_columns(pipeline.classes)))
    reads = [labels, *statistics_reads(pipeline)]  # the student starts with the teacher's statistics
    of_clips = text_columns(pipeline)
    if pipeline.student.uses in ("draws", "views"):
        settings |= {"teachers": list(pipeline.others)}
        reads += [_draws(pipeline, teacher) for teacher in pipeline.others]
    if pipeline.student.uses == "views":
        settings = _beside(settings, pipeline, {"draws": pipeline.classifier.draws})
        of_clips.append("speaker")
    if isinstance(student, CohortSettings):
        of_clips += ["speaker", *(["transcript"] if student.reads_text else [])]
    if pipeline.student.uses == "rule":
        # The fusion is repeated with the moving teacher, so the rule and the draws are inputs too.
        settings |= {"fuse": pipeline.fuse.fingerprint(), "teachers": list(pipeline.teachers)}
        settings = _beside(settings, pipeline, _drawn_in_training(pipeline))
        reads += [_draws(pipeline, teacher) for teacher in pipeline.teachers]
        reads += [Read("fuse_labels", "seen.parquet")] if pipeline.fuse.sees else []
    reads += [_clips(*sorted(set(of_clips)), "status")] if of_clips else []

    def outside() -> dict[str, str]:
        found = classifier_input(pipeline)
        return found | (student.outside() if isinstance(student, CohortSettings) else {})

    return Node("train_student", "train_student", settings, tuple(reads), ("student",), outside)


def _beside(settings: dict[str, Any], pipeline: PipelineSettings, more: dict[str, Any]) -> dict[str, Any]:
    """With more of the classifier's settings."""
    key = f"teachers.{pipeline.classifier_name}"
    return settings | {key: settings.get(key, {}) | more}


def _lacks(pipeline: PipelineSettings) -> dict[str, Any]:
    """What teachers have never met is filled in from the others' draws."""
    return {f"teachers.{name}": {"lacks": classes} for name, classes in pipeline.lacks.items()}


def _drawn_in_training(pipeline: PipelineSettings) -> dict[str, Any]:
    """What the moving teacher's draws depend on; over stored features only its head has dropout."""
    classifier, student = pipeline.classifier, pipeline.student
    tuned = isinstance(student, FineTuneSettings) and student.fine_tunes
    return {"draws": classifier.draws} | ({"dropout": classifier.dropout} if tuned else {})


def _evaluate(name: str, pipeline: PipelineSettings, cache: Path) -> Node:
    gold = pipeline.evaluate.gold

    def outside() -> dict[str, str]:
        if gold is None:
            return {}
        file = here(gold, pipeline.clips.options, cache)
        if not file.is_file():
            raise ClipsError(f"{gold}: no such file of gold labels. Set evaluate.gold, or take it away.")
        return {"gold": sha256_of_file(file)}

    reads = (
        _clips("clip_id", "path", "duration_s", "status", "reason", "gold_label", *text_columns(pipeline)),
        Read("fuse_labels", "pseudo_labels.parquet"),
        Read("train_student", "student"),
        *choice_reads(pipeline),
    )
    writes = ("metrics.json", "predictions.parquet", "report.html")
    settings: dict[str, Any] = {"classes": pipeline.classes, "teachers": list(pipeline.teachers), "pipeline": name}
    settings |= {"clips": {"labels": pipeline.clips.labels}}
    return Node(
        "evaluate_student",
        "evaluate_student",
        settings,
        reads,
        writes,
        outside,
    )
