"""Training in several processes: the stage's arguments as a file, and `accelerate launch` over it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import Field

from tasks.contracts import errors
from tasks.contracts.errors import MifuseError, TrainingError
from tasks.contracts.settings import Settings
from tasks.fusion import Rule
from tasks.storage.files import make_folder, replacing, write_json
from tasks.students import StudentSettings
from tasks.teachers.mc_dropout import MCDropoutSettings

_END_S = 4.0  # less than Ctrl-C gives the whole command


class TrainJob(Settings):
    """The arguments of `tasks.train_student.train_student`."""

    student: StudentSettings
    rule: Rule
    classifier: MCDropoutSettings
    classifier_name: str
    pseudo_labels: Path
    folder: Path
    draws: dict[str, Path]
    features: Path
    work: Path
    out: Path
    statistics: Path | None
    seen: Path | None
    clips: Path
    last: None = None  # no warm start with an encoder in training
    lacks: dict[str, list[str]] = Field(default={})

    @property
    def file(self) -> Path:
        """The job itself."""
        return self.work / "job.json"

    @property
    def told(self) -> Path:
        """What the first process counted, written when all is done."""
        return self.work / "told.json"

    @property
    def mistake(self) -> Path:
        """What a process found that a user can fix."""
        return self.work / "mistake.json"


def train_in_processes(processes: int, out: Path, **arguments: Any) -> dict[str, Any]:
    """Runs the stage in so many processes; what a user's own `accelerate launch` has finished is taken as it is.

    Args:
        processes: How many.
        out: `student/`.
        arguments: The stage's others.

    Raises:
        MifuseError: What one of the processes raised.
        TrainingError: accelerate is not installed, or a process died.
    """
    check_accelerate(processes)
    job = TrainJob(out=make_folder(arguments["work"]) / "student", **arguments)
    with replacing(job.file) as temporary:
        temporary.write_text(job.model_dump_json(indent=2), encoding="utf-8")
    if not (job.told.is_file() and job.out.is_dir()):
        _launch(processes, job)
    shutil.move(job.out, out)
    told: dict[str, Any] = json.loads(job.told.read_text(encoding="utf-8"))
    return told


def read_job(path: Path) -> TrainJob:
    """What `train_in_processes` wrote."""
    return TrainJob.model_validate_json(path.read_bytes())


def check_accelerate(processes: int) -> None:
    """Raises TrainingError where it is needed and is not there."""
    if importlib.util.find_spec("accelerate") is None:
        raise TrainingError(
            f"student.processes: {processes} needs accelerate, which is not installed. Install it with "
            "`pip install 'mifuse[finetune]'`, or take `processes` away."
        )


def write_mistake(job: TrainJob, error: MifuseError) -> None:
    """For the command that waits for the processes."""
    write_json(job.mistake, {"kind": type(error).__name__, "message": str(error)})


def _launch(processes: int, job: TrainJob) -> None:
    for old in (job.told, job.mistake):
        old.unlink(missing_ok=True)
    command = [sys.executable, "-m", "flows.train_launcher", str(processes), str(job.file)]
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // processes))
    # Whoever waits at the other end of this pipe sees it close when this process ends, however it does.
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": threads}) as launched:
        try:
            code = launched.wait()
        except KeyboardInterrupt:
            launched.terminate()
            launched.wait(timeout=_END_S)
            raise
    if job.mistake.is_file():
        found = json.loads(job.mistake.read_text(encoding="utf-8"))
        raise getattr(errors, found["kind"])(found["message"])
    if code != 0 or not job.told.is_file():
        raise TrainingError(
            f"one of the {processes} processes that train the student died (exit code {code} of accelerate launch); "
            "what it said stands above. The last checkpoint is kept: run again to go on from it, or set "
            "student.processes to 1."
        )
