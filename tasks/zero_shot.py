"""Stage: `clips.parquet` → `draws/<teacher>.parquet`, a dual encoder's word under each prompt, without any label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.tables import DRAW_STATUS, HEARD, draws_schema, p_columns
from tasks.encoders.clip_files import files_in
from tasks.encoders.features import AudioFile, features_of
from tasks.storage.clips import each_audio_once, read_usable_clips
from tasks.storage.repeats import read_pair
from tasks.storage.tables import write_table
from tasks.teachers.zero_shot import ZeroShotDraw, ZeroShotSettings
from tasks.teachers.zero_shot_draws import class_vectors, draw_by_prompts


# NO_CACHE: features are kept clip by clip; freshness is decided by our stage records.
@task(name="zero_shot", cache_policy=NO_CACHE)
def zero_shot(
    teacher: ZeroShotSettings,
    classes: list[str],
    clips_table: Path,
    folder: Path,
    features: Path,
    out: Path,
    repeats: Path | None = None,
) -> dict[str, Any]:
    """The table of all draws. The audio is encoded once per number of repeats and kept, each text once per call.

    Args:
        teacher: The model, prompts, words, repeats.
        classes: The pipeline's.
        clips_table: `clips.parquet`.
        folder: What its paths are relative to.
        features: The folder of stored features, shared by all pipelines.
        out: `draws/<teacher>.parquet`.
        repeats: For `repeats: chosen`: what `choose_repeats` wrote.
    """
    from tasks.encoders.clap_text import ClapTexts

    clips = read_usable_clips(clips_table)
    files = files_of(clips, folder)
    pairs = pairs_of(teacher, repeats)
    draws = teacher.asked(pairs)
    encoders = {audio: teacher.encoder(audio) for audio, _ in pairs}
    heard = {
        audio: features_of(files, encoder, features, batch_seconds=teacher.batch_seconds, device=teacher.device)
        for audio, encoder in encoders.items()
    }
    texts = ClapTexts(teacher.encoder(1), teacher.device)
    vectors = class_vectors(teacher, classes, [text for _, text in pairs], texts.embed, texts.scale)
    probs_NKC = draw_by_prompts(draws, vectors, heard)
    table = _table(clips, [file.sha256 for file in files], probs_NKC, classes, teacher.told_version())
    write_table(out, table, draws_schema(classes), {"asked": _told(draws)})
    return {"clips": len(files), "draws": len(files) * len(draws), "pairs": len(pairs)}


def pairs_of(teacher: ZeroShotSettings, repeats: Path | None) -> list[tuple[int, int]]:
    """The pairs of repeats: those of the settings, or the chosen one."""
    if teacher.repeats != "chosen":
        return list(teacher.repeats)
    assert repeats is not None, "repeats: chosen needs the table of choose_repeats"
    return [read_pair(repeats)]


def files_of(clips: pl.DataFrame, folder: Path) -> list[AudioFile]:
    """Each recording once, in order of sha256."""
    return files_in(each_audio_once(clips), folder)


def _told(draws: Sequence[ZeroShotDraw]) -> str:
    """What each draw number asked, for whoever reads the file."""
    return json.dumps([draw._asdict() for draw in draws])


def _table(
    clips: pl.DataFrame, sha256s: list[str], probs_NKC: NDArray[np.float64], classes: list[str], version: str
) -> pl.DataFrame:
    n, k, c = probs_NKC.shape
    rows_MC = probs_NKC.reshape(n * k, c)
    draws = pl.DataFrame({"sha256": np.repeat(sha256s, k), "draw": np.tile(np.arange(k), n)}).with_columns(
        pl.lit("answered").cast(DRAW_STATUS).alias("status"),
        *(pl.Series(name, rows_MC[:, i]) for i, name in enumerate(p_columns(classes))),
        pl.lit(0.0).alias("unmapped"),  # it is asked for the pipeline's own classes
        pl.lit(version).alias("model_version"),
        pl.lit("audio").cast(HEARD).alias("heard"),
    )
    named = clips.select("clip_id", "sha256").join(draws, on="sha256", how="left", maintain_order="left")
    return named.select(draws_schema(classes).keys())
