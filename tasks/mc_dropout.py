"""Stage: `clips.parquet` → `draws/<teacher>.parquet`, K dropout passes of the source classifier per clip."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.class_map import Mapped, class_map, told_unmapped
from tasks.contracts.tables import DRAW_STATUS, HEARD, draws_schema, p_columns
from tasks.encoders import reads_text
from tasks.encoders.clip_files import files_in
from tasks.encoders.features import AudioFile
from tasks.encoders.shards import read_shard
from tasks.encoders.text import row_keys, words_of
from tasks.encoders.worker import ShardDone, WorkerSettings, device_of_worker, set_torch_threads, shard_done
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.mc_draws import DrawStore
from tasks.storage.tables import write_table
from tasks.teachers.mc_dropout import MCDropoutSettings, check_dropout, own_config, told_version
from tasks.teachers.shards import DrawJob, FeatureJob, draw_by_head, draw_job


# NO_CACHE: draws are kept clip by clip; freshness is decided by our stage records.
@task(name="mc_dropout", cache_policy=NO_CACHE)
def mc_dropout(
    teacher: MCDropoutSettings,
    classes: list[str],
    clips_table: Path,
    folder: Path,
    features: Path,
    mc_draws: Path,
    out: Path,
    statistics: Path | None = None,
) -> dict[str, Any]:
    """The table of all draws; with `dropout: head` after making those that are not kept yet.

    With `dropout: all` they have been made by `compute_shard` before, and so have features that many workers compute.

    Args:
        teacher: The classifier's folder, draws, seed, device.
        classes: The pipeline's.
        clips_table: `clips.parquet`.
        folder: What its paths are relative to.
        features: The folder of stored features, shared by all pipelines.
        mc_draws: The folder of kept draws, shared by all pipelines.
        out: `draws/<teacher>.parquet`.
        statistics: The target's, for `standardise: target`.
    """
    clips = read_usable_clips(clips_table)
    files = files_of(clips, folder)
    config = own_config(teacher)
    check_dropout(teacher, config)
    labels = class_map(config.classes, teacher.labels, classes)
    job = draw_job(teacher, config, statistics, mc_draws)
    computed = 0 if teacher.makes_encoder_passes else draw_by_head(job, config, files, features)
    sha256s = [file.sha256 for file in files]
    drawn = labels.applied(
        DrawStore(job.kept).read(row_keys(files, reads_text=reads_text(config.encoder)), teacher.draws)
    )
    write_table(out, _table(clips, sha256s, drawn, classes, told_version(config)), draws_schema(classes))
    counts: dict[str, Any] = {"clips": len(files), "draws": len(files) * teacher.draws, "computed": computed}
    if reads_text(config.encoder):
        counts["without_transcript"] = sum(words_of(file.transcript) is None for file in files)
    told = told_unmapped(drawn.unmapped.mean(axis=1), of="")
    return counts | ({"unmapped_mass": told} if told else {})


@task(name="mc_dropout_shard", cache_policy=NO_CACHE)
def compute_shard(job: FeatureJob | DrawJob, plan: Path, number: int, worker: WorkerSettings) -> ShardDone:
    """One shard of the encoder's work. Only paths and settings travel to the worker.

    Args:
        job: Features or draws, and where they are kept.
        plan: What `tasks.encoders.shards.plan_shards` wrote.
        number: Of the shard.
        worker: Device and threads.
    """
    set_torch_threads(worker)
    batches = read_shard(plan, number)
    job.compute(batches, device_of_worker(worker, _dask_worker()))
    return shard_done(batches)


def files_of(clips: pl.DataFrame, folder: Path) -> list[AudioFile]:
    """Each recording once, in order of sha256."""
    return files_in(each_audio_once(clips), folder, clips)


def _dask_worker() -> int | None:
    """The number of the worker that this runs in, in a Dask cluster on this machine; None anywhere else."""
    if "distributed" not in sys.modules:  # a Dask worker has imported it
        return None
    from distributed import get_worker

    try:
        name = get_worker().name
    except ValueError:  # imported, but not a worker
        return None
    return name if isinstance(name, int) else None


def _table(clips: pl.DataFrame, sha256s: list[str], drawn: Mapped, classes: list[str], version: str) -> pl.DataFrame:
    n, k, c = drawn.probs.shape
    answers = pl.Series("status", np.where(drawn.answers.reshape(n * k), "answered", "unmapped"))
    probs_MC = np.where(drawn.answers[..., None], drawn.probs, np.nan).reshape(n * k, c)
    draws = pl.DataFrame({"sha256": np.repeat(sha256s, k), "draw": np.tile(np.arange(k), n)}).with_columns(
        answers.cast(DRAW_STATUS),
        *(pl.Series(name, probs_MC[:, i]).fill_nan(None) for i, name in enumerate(p_columns(classes))),
        pl.Series("unmapped", drawn.unmapped.reshape(n * k)),
        pl.lit(version).alias("model_version"),
        pl.lit("audio").cast(HEARD).alias("heard"),
    )
    named = clips.select("clip_id", "sha256").join(draws, on="sha256", how="left", maintain_order="left")
    return named.select(draws_schema(classes).keys())
