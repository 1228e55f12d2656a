"""Flow: ask a paid teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.dag import draws_file, teacher_node
from flows.place import open_place
from flows.shared_quota import shared_quota
from tasks import query_lalm as stage
from tasks.teachers.ceilings import Purse


@flow(name="query_lalm", flow_run_name="query_lalm-{pipeline}-{teacher}")
def query_lalm(
    pipeline: str,
    pipelines: str,
    cache: str,
    teacher: str = "lalm",
    max_cost_usd: float | None = None,
    retry: list[str] | None = None,
    reparse: bool = False,
) -> dict[str, Any]:
    """Reads: `clips.parquet`, audio; with adaptive draws the classifier's too. Writes: `draws/<teacher>.parquet`.

    Costs: a call for each draw never paid for.
    """
    place = open_place(pipeline, Path(pipelines), Path(cache))
    settings = place.settings

    def work(out: Path, _: Path) -> dict[str, Any]:
        return stage.query_lalm(
            name=teacher,
            teacher=settings.paid[teacher],
            classes=settings.classes,
            clips_table=place.shown("clips.parquet"),
            folder=place.clips_folder,
            answers=place.shared("answers"),
            out=out / draws_file(teacher),
            classifier_draws=place.shown(draws_file(settings.classifier_name)),
            choices=stage.Choices(
                frozenset(retry or ()),
                not reparse,
                Purse(max_cost_usd, place.prices),
                shared_quota(settings, teacher),
            ),
        )

    return place.perform(teacher_node(settings, teacher), work)
