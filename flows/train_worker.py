"""One of the processes that train a student together: `accelerate launch … -m flows.train_worker JOB`.

JOB is `job.json` in the stage's folder below `cache/work/`, which a run with `student.processes` leaves there.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flows.train_job import TrainJob, read_job, write_mistake
from tasks.contracts.errors import MifuseError
from tasks.storage.files import write_json

if TYPE_CHECKING:
    from tasks.students.processes import Launched


def main(path: str, *options: str) -> None:
    """Trains; with `watched` it ends when the command that started it does."""
    if "watched" in options:
        threading.Thread(target=_end_with_starter, daemon=True).start()
    job = read_job(Path(path))
    try:
        with _launched(job) as processes:
            _train(job, processes)
    except MifuseError as error:
        write_mistake(job, error)
        print(f"error: {error}", file=sys.stderr) if "watched" not in options else None
        sys.exit(1)


def _train(job: TrainJob, processes: Launched) -> None:
    from tasks.train_student import train_student

    arguments = {name: getattr(job, name) for name in TrainJob.model_fields}
    if processes.rank == 0:
        write_json(job.told, train_student.fn(**arguments, processes=processes))
        return
    with _apart(job) as work, _silent():
        train_student.fn(**arguments | {"work": work, "out": work / "student"}, processes=processes)


@contextlib.contextmanager
def _launched(job: TrainJob) -> Iterator[Launched]:
    import torch
    from accelerate import PartialState

    from tasks.students.processes import Launched

    on_cpu = job.classifier.device == "cpu" or not torch.cuda.is_available()
    state = PartialState(cpu=on_cpu)
    try:
        yield Launched(state)
    finally:
        state.destroy_process_group()


@contextlib.contextmanager
def _apart(job: TrainJob) -> Iterator[Path]:
    """A folder for a process that writes nothing, with the checkpoint that all go on from."""
    with tempfile.TemporaryDirectory() as name:
        found = job.work / "checkpoint.pt"
        if found.is_file():
            (Path(name) / found.name).symlink_to(found.absolute())
        yield Path(name)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """One process tells how far training is."""
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def _end_with_starter() -> None:
    """Standard input is a pipe that nobody writes to: its end means that the command was killed."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
