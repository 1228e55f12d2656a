"""What a user may change in a pipeline that has run: the reason that is told, and what the next run costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tasks.contracts.stages import CODE_VERSIONS
from tests.flows.changes_made import (
    add_clip,
    add_gold,
    classifier,
    clips,
    copy_clip,
    delete_output,
    delete_record,
    delete_result,
    edit_clip,
    edit_output,
    in_first,
    lalm,
    move_clips,
    raise_version,
    remove_clip,
    rename_clip,
    retrain_classifier,
    student,
    taken_back,
    touch_clips,
)
from tests.flows.conftest import SETTINGS, Project

INDEX, DRAWS, ASK = "index_clips", "mc_dropout.classifier", "query_lalm.lalm"
FUSE, TRAIN, EVALUATE = "fuse_labels", "train_student", "evaluate_student"
LATER = (FUSE, TRAIN, EVALUATE)
ALL = (INDEX, DRAWS, ASK, *LATER)


@dataclass(frozen=True)
class Change:
    """One row of the table; the clips are 24, the LALM's draws 3 of each, the classifier's 4.

    Attributes:
        make: Makes the change; what it returns is not looked at.
        reasons: Stage → the lines that `mifuse status` prints below it, for the stages that change by themselves.
        ran: What the next run works on.
        calls: Questions that it asks the LALM.
        computed: Draws that the classifier makes.
        measured: Recordings that are decoded for the index.
    """

    what: str
    make: Callable[[Project], object]
    reasons: dict[str, list[str]]
    ran: tuple[str, ...] = ()
    calls: int = 0
    computed: int = 0
    measured: int = 0


def counted(project: Project, ran: list[str], node: str, what: str) -> int:
    """What a stage counted in this run; nothing where it did not run."""
    if node not in ran:
        return 0
    return int(json.loads((project.results / ".records" / f"{node}.json").read_text())["stats"][what])


def told_version(node: str) -> str:
    version = CODE_VERSIONS[node.partition(".")[0]]
    return f"code version: {version} → {version + 1}"


def clips_told(text: str) -> list[str]:
    return [f"{text}: --verbose lists them"]


PROMPTS = "You will hear one short recording of a p… → Listen to this clip of speech. How does …"
RULE = "fuse.kind: equal → mutual_information"
CHANGES = [
    Change("more draws of the LALM", lalm(draws=5), {ASK: ["teachers.lalm.draws: 3 → 5"]}, (ASK, *LATER), calls=48),
    Change("fewer draws of the LALM", lalm(draws=2), {ASK: ["teachers.lalm.draws: 3 → 2"]}, (ASK, *LATER)),
    Change(
        "temperature", lalm(temperature=0.9), {ASK: ["teachers.lalm.temperature: 0.6 → 0.9"]}, (ASK, *LATER), calls=72
    ),
    Change(
        "prompt",
        lalm(prompt="emotion-v2"),
        {ASK: [f"teachers.lalm.prompt: {PROMPTS}"]},
        (ASK, *LATER),
        calls=72,
    ),
    Change("quota of the LALM", lalm(limits={"concurrency": 3}), {}),
    Change("a ceiling in dollars", lalm(max_cost_usd=3), {}),
    Change(
        "more draws of the classifier",
        classifier(draws=6),
        {DRAWS: ["teachers.classifier.draws: 4 → 6"], TRAIN: ["teachers.classifier.draws: 4 → 6"]},
        (DRAWS, *LATER),
        computed=48,
    ),
    Change(
        "fewer draws of the classifier",
        classifier(draws=3),
        {DRAWS: ["teachers.classifier.draws: 4 → 3"], TRAIN: ["teachers.classifier.draws: 4 → 3"]},
        (DRAWS, *LATER),
    ),
    Change(
        "seed of the dropout",
        classifier(seed=1),
        {DRAWS: ["teachers.classifier.seed: 0 → 1"]},
        (DRAWS, *LATER),
        computed=96,
    ),
    Change(
        "statistics of the target",
        classifier(standardise="target"),
        {
            "target_statistics.classifier": ["has not run yet"],
            DRAWS: ["teachers.classifier.standardise: source → target"],
        },
        ("target_statistics.classifier", DRAWS, *LATER),
        computed=96,
    ),
    Change("device", classifier(device="cpu", batch_seconds=60), {}),
    Change(
        "another classifier",
        retrain_classifier,
        {DRAWS: ["classifier changed"], TRAIN: ["classifier changed"]},
        (DRAWS, *LATER),
        computed=96,
    ),
    Change(
        "another rule",
        lambda project: project.change(fuse={"kind": "equal"}),
        {FUSE: ["fuse.kind: mutual_information → equal"], TRAIN: ["fuse.kind: mutual_information → equal"]},
        LATER,
    ),
    Change(
        "a setting of the rule",
        lambda project: project.change(fuse=SETTINGS["fuse"] | {"temperature": 0.5}),
        {FUSE: ["fuse.temperature: 1.0 → 0.5"], TRAIN: ["fuse.temperature: 1.0 → 0.5"]},
        LATER,
    ),
    Change("steps", student(steps=20), {TRAIN: ["student.steps: 30 → 20"]}, (TRAIN, EVALUATE)),
    Change("seed of the student", student(seed=1), {TRAIN: ["student.seed: 0 → 1"]}, (TRAIN, EVALUATE)),
    Change("the moving average", student(ema=0.9), {TRAIN: ["student.ema: 0.999 → 0.9"]}, (TRAIN, EVALUATE)),
    Change(
        "names of the manifest's labels",
        clips(labels={"angry": "sad"}),
        {INDEX: ["clips.labels.angry: none → sad"], EVALUATE: ["clips.labels.angry: none → sad"]},
        (INDEX, EVALUATE),
    ),
    Change(
        "a shortest duration that all clips have",
        clips(min_duration_s=0.4),
        {INDEX: ["clips.min_duration_s: 0.3 → 0.4"]},
        (INDEX,),
    ),
    Change("one clip more", add_clip, {INDEX: clips_told("1 clip added")}, ALL, calls=3, computed=4, measured=1),
    Change("a clip's copy", copy_clip, {INDEX: clips_told("1 clip added")}, (INDEX, DRAWS, ASK, FUSE, EVALUATE)),
    Change("one clip less", remove_clip, {INDEX: clips_told("1 clip removed")}, ALL),
    Change("another recording", edit_clip, {INDEX: clips_told("1 clip changed")}, ALL, calls=3, computed=4, measured=1),
    Change("a renamed file", rename_clip, {INDEX: clips_told("1 clip renamed")}, (INDEX, FUSE, EVALUATE)),
    Change("touched files", touch_clips, {}),
    Change("moved files", move_clips, {}),
    Change(
        "another gold label",
        in_first("label", "sad"),
        {INDEX: clips_told("manifest: gold_label of 1 clip changed")},
        (INDEX, EVALUATE),
    ),
    Change(
        "another speaker",
        in_first("speaker", "somebody"),
        {INDEX: clips_told("manifest: speaker of 1 clip changed")},
        (INDEX,),
    ),
    Change("gold from elsewhere", add_gold, {EVALUATE: ["gold is read now"]}, (EVALUATE,)),
    Change("an edited output", edit_output, {FUSE: ["pseudo_labels.parquet was edited"]}, (FUSE,)),
    Change("a deleted link", delete_output, {FUSE: ["pseudo_labels.parquet was deleted"]}),
    Change("a deleted output", delete_result, {FUSE: ["pseudo_labels.parquet was deleted"]}, (FUSE,)),
    Change("a deleted record", delete_record, {FUSE: ["has not run yet"]}),
    Change(
        "settings taken back",
        taken_back,
        {
            FUSE: [RULE],
            TRAIN: [RULE, f"pseudo_labels.parquet changed: {FUSE} goes back to an earlier result ({RULE})"],
            EVALUATE: [
                f"pseudo_labels.parquet changed: {FUSE} goes back to an earlier result ({RULE})",
                f"student changed: {TRAIN} goes back to an earlier result ({RULE})",
            ],
        },
    ),
    Change("code of index_clips", raise_version(INDEX), {INDEX: [told_version(INDEX)]}, (INDEX,), measured=24),
    Change("code of mc_dropout", raise_version(DRAWS), {DRAWS: [told_version(DRAWS)]}, (DRAWS,)),
    Change("code of query_lalm", raise_version(ASK), {ASK: [told_version(ASK)]}, (ASK,)),
    # What the table's file says of itself is in the report.
    Change("code of fuse_labels", raise_version(FUSE), {FUSE: [told_version(FUSE)]}, (FUSE, EVALUATE)),
    Change("code of train_student", raise_version(TRAIN), {TRAIN: [told_version(TRAIN)]}, (TRAIN,)),
]
