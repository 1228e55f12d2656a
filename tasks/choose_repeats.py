"""Stage: labelled source clips → `repeats/<teacher>.parquet`, the pair of repeats that a zero-shot teacher is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.encoders.clip_files import files_in
from tasks.encoders.features import Features, features_of
from tasks.maths.zero_shot import zero_shot_probs
from tasks.storage.repeats import repeats_schema, write_pair, write_repeats
from tasks.students.source_settings import SourceSettings
from tasks.teachers.zero_shot import ZeroShotSettings
from tasks.teachers.zero_shot_choice import Repeats, Tried, choose_pair, try_pairs
from tasks.teachers.zero_shot_draws import ClassVectors, class_vectors, clip_vectors


# NO_CACHE: features are kept clip by clip; freshness is decided by our stage records.
@task(name="choose_repeats", cache_policy=NO_CACHE)
def choose_repeats(
    teacher: ZeroShotSettings,
    classes: list[str],
    source: SourceSettings,
    clips: Path,
    folder: Path,
    features: Path,
    out: Path,
    pair: Path,
) -> dict[str, Any]:
    """Scores every pair of the grid on the source clips that `train-source` holds out. The target is not looked at.

    Args:
        teacher: Its model, prompts, words and grid.
        classes: The pipeline's.
        source: Which share is held out, and by which seed.
        clips: A table of the labelled source clips, each audio once, with `gold_label` and `speaker`.
        folder: What their paths are relative to.
        features: The folder of stored features, shared by all pipelines.
        out: `repeats/<teacher>.parquet`.
        pair: `repeats/<teacher>-chosen.parquet`.
    """
    from tasks.encoders.clap_text import ClapTexts

    held_out = _held_out(pl.read_parquet(clips), classes, source)
    files = files_in(held_out, folder)
    labels_N = np.array([classes.index(label) for label in held_out["gold_label"]])
    texts = ClapTexts(teacher.encoder(1), teacher.device)
    vectors = class_vectors(teacher, classes, teacher.grid, texts.embed, texts.scale)
    right: dict[Repeats, NDArray[np.bool_]] = {}
    for audio in sorted(teacher.grid):
        encoder = teacher.encoder(audio)
        heard = features_of(files, encoder, features, batch_seconds=teacher.batch_seconds, device=teacher.device)
        right |= {(audio, text): _right_N(heard, vectors, text, labels_N) for text in sorted(teacher.grid)}
    tried = try_pairs(right, labels_N)
    chosen = choose_pair(tried)
    write_repeats(out, _table(tried, chosen, len(files)))
    write_pair(pair, chosen)
    return {"clips": len(files), "pairs": len(tried), "audio_repeats": chosen[0], "text_repeats": chosen[1]}


def _held_out(clips: pl.DataFrame, classes: Sequence[str], source: SourceSettings) -> pl.DataFrame:
    """The clips that the first of the source classifier's runs does not learn from."""
    import torch

    from tasks.encoders.features import Means
    from tasks.students.source_clips import LabelledClips, split_clips

    known = [
        name for name in classes if (clips["gold_label"] == name).any()
    ]  # what the classifier lacks is not looked for in the source
    labels_N = torch.tensor([known.index(label) for label in clips["gold_label"]])
    nothing_heard = Means(torch.zeros(clips.height, 1, 1))  # who is held out is a matter of labels and speakers
    labelled = LabelledClips(nothing_heard, labels_N, clips["speaker"].to_list())
    return clips[sorted(split_clips(labelled, known, source.validation, source.seed).held_out)]


def _right_N(
    heard: Features, vectors: ClassVectors, text_repeats: int, labels_N: NDArray[np.int64]
) -> NDArray[np.bool_]:
    probs_NC = zero_shot_probs(clip_vectors(heard), vectors.ensemble(text_repeats), vectors.scale)
    right_N: NDArray[np.bool_] = probs_NC.argmax(axis=1) == labels_N
    return right_N


def _table(tried: dict[Repeats, Tried], chosen: Repeats, n: int) -> pl.DataFrame:
    rows = [
        {"r_a": pair[0], "r_t": pair[1], **asdict(each), "n": n, "chosen": pair == chosen}
        for pair, each in tried.items()
    ]
    return pl.DataFrame(rows, repeats_schema())
