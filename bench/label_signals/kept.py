"""Checks that were done: one small file each, so that none is done again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from bench.label_signals.checking import Check, Checked
from bench.label_signals.segments import SEGMENT_FRAMES
from bench.transfers.code_version import code_version
from bench.transfers.kept import Result
from tasks.storage.files import replacing, sha256_of_json

_CODE = (
    "bench.label_signals.ablated",
    "bench.label_signals.checking",
    "bench.label_signals.noise",
    "bench.label_signals.training",
    "tasks.networks.label_signal",
    "tasks.students.source_loop",
)


def place_of(check: Check, cache: Path) -> Path:
    """The check's file, named by the digest of what it depends on; an encoder is told by its folder's name."""
    told = {
        "code": code_version(*_CODE),
        "corpora": [check.corpus.name, *(other.name for other in check.others)],
        "encoder": Path(check.encoder or "logmel").name,
        "frames": SEGMENT_FRAMES if check.frames else None,
        "seed": check.seed,
        "variant": check.variant.changed,
    }
    return cache / "label_signals" / "checks" / f"{sha256_of_json(told)[:32]}.json"


def write_checked(file: Path, checked: Checked) -> None:
    """In one step."""
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(asdict(checked)) + "\n", encoding="utf-8")


def read_checked(file: Path, check: Check) -> Checked:
    """Under the name of who asks."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    results = [Result(**result | {"method": check.variant.name}) for result in kept["results"]]
    places = [(x, y) for x, y in kept["projection"]]
    return Checked(**kept | {"results": results, "projection": places})
