"""Stage: `clips.parquet` → `draws/<teacher>.parquet`, K dropout passes of the source classifier per clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.tables import DRAW_STATUS, HEARD, draws_schema, p_columns
from tasks.encoders.features import AudioFile, features_of
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.tables import write_table
from tasks.teachers.mc_dropout import MCDropoutSettings, draw_by_dropout


# NO_CACHE: features are kept clip by clip; freshness is decided by our stage records.
@task(name="mc_dropout", cache_policy=NO_CACHE)
def mc_dropout(
    teacher: MCDropoutSettings, classes: list[str], clips_table: Path, folder: Path, features: Path, out: Path
) -> dict[str, Any]:
    """The encoder runs once over each clip that has no stored features; the head then runs K times over all.

    Args:
        teacher: The classifier's folder, draws, seed, device.
        classes: The pipeline's.
        clips_table: `clips.parquet`.
        folder: What its paths are relative to.
        features: The folder of stored features, shared by all pipelines.
        out: `draws/<teacher>.parquet`.
    """
    import torch

    from tasks.networks.folder import load_classifier

    clips = read_usable_clips(clips_table)
    head, config = load_classifier(teacher.path)
    once = each_audio_once(clips)
    files = [AudioFile(s, folder / p, d) for s, p, d in once.select("sha256", "path", "duration_s").iter_rows()]
    features_NLD = features_of(
        files, config.encoder, features, batch_seconds=teacher.batch_seconds, device=teacher.device
    )
    sha256s = once["sha256"].to_list()
    probs_NKC = draw_by_dropout(head, torch.from_numpy(features_NLD), sha256s, teacher.draws, teacher.seed)
    probs_NKC = probs_NKC[..., [config.classes.index(name) for name in classes]]
    table = _table(clips, sha256s, probs_NKC, classes, version=f"{config.encoder.kind} head")
    write_table(out, table, draws_schema(classes))
    return {"clips": len(files), "draws": int(probs_NKC.shape[0] * probs_NKC.shape[1])}


def _table(
    clips: pl.DataFrame, sha256s: list[str], probs_NKC: np.ndarray[Any, Any], classes: list[str], version: str
) -> pl.DataFrame:
    n, k, c = probs_NKC.shape
    draws = pl.DataFrame({"sha256": np.repeat(sha256s, k), "draw": np.tile(np.arange(k), n)}).with_columns(
        pl.lit("answered").cast(DRAW_STATUS).alias("status"),
        *(pl.Series(name, probs_NKC.reshape(n * k, c)[:, i]) for i, name in enumerate(p_columns(classes))),
        pl.lit(version).alias("model_version"),
        pl.lit("audio").cast(HEARD).alias("heard"),
    )
    named = clips.select("clip_id", "sha256").join(draws, on="sha256", how="left", maintain_order="left")
    return named.select(draws_schema(classes).keys())
