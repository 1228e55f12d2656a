"""Results: one small file per cell and method, so that what is done is not computed again; and all in one JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.label_signals.segments import SEGMENT_FRAMES
from bench.transfers.cell import Cell
from bench.transfers.code_version import code_version
from bench.transfers.corpora import read_corpus
from bench.transfers.methods import TEACHERS, Method, rule_of, student_of
from bench.transfers.sources import classifier_folder
from tasks.storage.files import replacing, sha256_of_file, sha256_of_json

# What `code_version` does not follow, so that a change there leaves other methods' results as they are.
_MORE_CODE = {"label_signal": ["tasks.networks.label_signal"]}
_ALWAYS = ("bench.transfers.cell", "bench.transfers.running", "bench.transfers.stand_ins", "bench.transfers.splits")


@dataclass(frozen=True)
class Result:
    """One method in one cell. Clips are in the corpus's order; classes are digits.

    Attributes:
        scene: The circumstances' name.
        transfer: Source and target.
        target: The target's name.
        seed: Of everything.
        method: The row.
        gold: Of each test clip.
        named: What the method named; "-" where it said nothing.
        speakers: Who speaks, as numbers.
        ua: Unweighted accuracy.
        wa: Accuracy.
        curve: Steps of training, and UA on clips that were adapted to.
        seconds: It took.
    """

    scene: str
    transfer: str
    target: str
    seed: int
    method: str
    gold: str
    named: str
    speakers: list[int]
    ua: float
    wa: float
    curve: list[tuple[int, float]]
    seconds: float


def place_of(cell: Cell, method: Method, cache: Path) -> Path:
    """The result's file, named by the digest of all that it depends on."""
    return cache / "transfers" / "results" / f"{sha256_of_json(_depends_on(cell, method, cache))[:32]}.json"


def _depends_on(cell: Cell, method: Method, cache: Path) -> dict[str, Any]:
    rule, student, scene = rule_of(method), student_of(method, cell.seed), cell.scene
    modules = [type(part).__module__ for part in (rule, student) if part is not None]
    modules += _MORE_CODE.get((method.student or {}).get("kind", ""), [])
    if method.teachers != TEACHERS:
        modules.append("bench.transfers.third_teacher")
    told = {
        "code": code_version(*_ALWAYS, *modules),
        "rule": None if rule is None else rule.fingerprint(),
        "student": None if student is None else student.fingerprint(),
        "method": [method.statistics, method.gold],
        "target": _digest(cell.target),
        "classifier": _weights(classifier_folder(cell.source, scene.encoder, cell.seed, cache)),
        "names": [cell.source.name, cell.target.name, cell.seed],  # what chance derives from
        "split": [scene.skewed, scene.inductive],
    }
    if method.hears_lalm:
        told["lalm"] = asdict(scene.lalm)
        if scene.lalm.kind == "third" and cell.third is not None:
            told["third"] = _weights(classifier_folder(cell.third, scene.lalm_encoder, cell.seed, cache))
    if method.teachers != TEACHERS:
        told["teachers"] = method.teachers
    if method.frames:
        told["frames"] = SEGMENT_FRAMES
    return told


@cache
def _weights(folder: Path) -> str:
    return sha256_of_file(folder / "model.safetensors")


@cache
def _digest(corpus: Path) -> str:
    read = read_corpus(corpus)
    return sha256_of_json([read.sha256s, read.gold_N.tolist(), read.speakers, read.sentences])


def write_result(file: Path, result: Result) -> None:
    """In one step."""
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(asdict(result)) + "\n", encoding="utf-8")


def read_result(file: Path, cell: Cell, method: Method) -> Result:
    """Under the names of who asks: scenes share results that do not depend on the LALM."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    return Result(**kept | {"scene": cell.scene.name, "method": method.name})


def write_all(file: Path, results: Iterable[Result]) -> None:
    """One line each."""
    with replacing(file) as temporary:
        temporary.write_text("".join(json.dumps(asdict(result)) + "\n" for result in results), encoding="utf-8")


def read_all(file: Path) -> list[Result]:
    """What `write_all` wrote."""
    return [Result(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
