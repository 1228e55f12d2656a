"""`student.warm_start`: which student training goes on from, settled once for all runs that work on one result."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from flows.classifier_input import classifier_input
from flows.place import Place
from tasks.networks.config import CONFIG_FILE, WEIGHTS_FILE
from tasks.storage.files import make_folder, replacing, write_json
from tasks.storage.stage_records import Record, changed_outputs
from tasks.students.mi_fuse import MIFuseSettings
from tasks.students.warm_start import LastStudent

_COPY = "last_student"  # below the folder of checkpoints


def last_student(place: Place, work: Path) -> LastStudent | None:
    """What the pipeline shows now, or showed when a training was begun that was then cut off.

    Args:
        place: The pipeline.
        work: The folder of checkpoints. The student's head is copied there: by the time that training goes on from a
            checkpoint, another student may be shown.

    Returns:
        None where the pipeline asks for no warm start.
    """
    student = place.settings.student
    if not (isinstance(student, MIFuseSettings) and student.warm_start):
        return None
    settled = work / f"{_COPY}.json"
    if not settled.is_file():
        write_json(settled, _settle(place, work / _COPY))
    return LastStudent.model_validate_json(settled.read_bytes(), context={"folder": work})


def expected_steps(place: Place) -> int:
    """How many steps a training that begins now would take."""
    student, record = place.settings.student, _shown(place)
    if not (isinstance(student, MIFuseSettings) and student.warm_start) or record is None or _why_not(place, record):
        return student.steps
    return student.going_on().steps


def _shown(place: Place) -> Record | None:
    return place.store.record_of(next(node for node in place.nodes if node.stage == "train_student"))


def _settle(place: Place, copy: Path) -> dict[str, Any]:
    """The content of a `LastStudent`; paths relative to the folder of checkpoints, which may be moved."""
    record = _shown(place)
    if record is None:
        return {}
    found = {"result": record.fingerprint, "warm_starts": record.stats.get("warm_starts", 0)}
    if why_not := _why_not(place, record):
        return found | {"why_not": why_not}
    make_folder(copy)
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        with replacing(copy / name) as temporary:
            shutil.copyfile(place.shown("student") / name, temporary)
    return found | {"folder": copy.name}


def _why_not(place: Place, record: Record) -> str | None:
    """An edited weight must not live on; and what a student has from one classifier is no start for another's."""
    if changes := changed_outputs(record, place.shown(""), deep=True):
        return f"the last student is not as training left it ({', '.join(changes)})"
    if record.inputs.get("classifier") != classifier_input(place.settings)["classifier"]:
        return "the last student was trained from another classifier"
    return None
