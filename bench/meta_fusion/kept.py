"""Outcomes of trials: one small file each, so that what is done is not computed again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.transfers.code_version import code_version
from tasks.storage.files import replacing, sha256_of_json

_CODE = tuple(f"bench.meta_fusion.{name}" for name in ("settings", "representations", "networks", "trial"))


@dataclass(frozen=True)
class Outcome:
    """What one trial gave.

    Attributes:
        errors: Mean squared error on the test rows by method, in the answer's own unit.
        told: What else is looked at: the chosen ρ, sizes, warnings.
        seconds: Of one core, all of it.
    """

    errors: dict[str, float]
    told: dict[str, Any]
    seconds: float


def kept(folder: Path, key: dict[str, Any], compute: Callable[[], Outcome]) -> Outcome:
    """The outcome of this trial by this code, from its file if there is one.

    Args:
        folder: Where the files are.
        key: All that the outcome depends on but for the code.
        compute: Asked if there is no file.
    """
    file = folder / f"{sha256_of_json([code_version(*_CODE), key])[:32]}.json"
    if file.is_file():
        return Outcome(**json.loads(file.read_text(encoding="utf-8"))["outcome"])
    outcome = compute()
    with replacing(file) as temporary:
        temporary.write_text(json.dumps({"trial": key, "outcome": asdict(outcome)}) + "\n", encoding="utf-8")
    return outcome
