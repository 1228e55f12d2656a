"""Flow: train the student on the pseudo-labels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow

from flows.last_student import last_student
from flows.place import open_place
from flows.train_job import train_in_processes
from tasks import train_student as stage
from tasks.students.finetune_settings import FineTuneSettings


@flow(name="train_student", flow_run_name="train_student-{pipeline}")
def train_student(pipeline: str, pipelines: str, cache: str) -> dict[str, Any]:
    """Reads: `pseudo_labels.parquet`, stored features, the classifier, draws. Writes: `student/`. Costs: minutes.

    With `student.warm_start` it reads the student that the pipeline showed last, too.
    """
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings = place.settings
    processes = settings.student.processes if isinstance(settings.student, FineTuneSettings) else 1

    def work(out: Path, checkpoints: Path) -> dict[str, Any]:
        train = partial(train_in_processes, processes) if processes > 1 else stage.train_student
        return train(
            student=settings.student,
            rule=settings.fuse,
            classifier=settings.classifier,
            classifier_name=settings.classifier_name,
            pseudo_labels=place.shown("pseudo_labels.parquet"),
            folder=place.clips_folder,
            draws=place.draws(),
            features=place.shared("features"),
            statistics=place.statistics(),
            work=checkpoints,
            out=out / "student",
            seen=place.shown("seen.parquet") if settings.fuse.sees else None,
            clips=place.shown("clips.parquet"),
            last=last_student(place, checkpoints),
            lacks=settings.lacks,
        )

    return place.perform("train_student", work)
