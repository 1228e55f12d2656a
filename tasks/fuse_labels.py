"""Stage: all teachers' draws → `pseudo_labels.parquet`, one fused soft label per clip, made to be read by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.errors import DrawsError
from tasks.contracts.tables import p_columns, pseudo_labels_schema
from tasks.encoders.features import AudioFile, Features
from tasks.fusion import Rule
from tasks.fusion.base import Draws, Fused, fused_by
from tasks.fusion.completing import completed, lacking
from tasks.fusion.seeing import seen_by
from tasks.maths.uncertainty import entropy, mean_draw, mutual_information
from tasks.storage.clips import each_audio_once, read_usable_clips, speakers_of
from tasks.storage.draws import how_heard, read_draws, read_unmapped
from tasks.storage.seen import write_seen
from tasks.storage.tables import write_table
from tasks.teachers.mc_dropout import MCDropoutSettings, own_config

Columns = dict[str, Any]


# NO_CACHE: freshness is decided by our stage records.
@task(name="fuse_labels", cache_policy=NO_CACHE)
def fuse_labels(
    rule: Rule,
    classes: list[str],
    clips_table: Path,
    draws: dict[str, Path],
    metadata: dict[str, str],
    out: Path,
    encoder: ClipsEncoder | None = None,
    lacks: Mapping[str, Sequence[str]] = {},
) -> dict[str, Any]:
    """Weighs the teachers clip by clip and writes the fused distribution beside what each teacher said.

    Args:
        rule: How teachers are weighed.
        classes: The pipeline's.
        clips_table: `clips.parquet`.
        draws: Each teacher's table, in the order of the teachers.
        metadata: Written into the file.
        out: `pseudo_labels.parquet`.
        encoder: For rules that look at the clips themselves: what they see goes to `seen.parquet` beside `out`.
        lacks: Classes that teachers have never met, by the teachers' names. The rule hears of these what the others
            say; the table's columns are what each teacher itself said.

    Raises:
        DrawsError: No clip gets a label.
    """
    clips = read_usable_clips(clips_table)
    once = each_audio_once(clips)
    teachers = {name: Draws(*read_draws(path, once["sha256"].to_list(), classes)) for name, path in draws.items()}
    whole = completed(list(teachers.values()), lacking(lacks, list(teachers), classes))
    fused = _fused(rule, dict(zip(teachers, whole, strict=True)), encoder, clips, out)
    fused_NC, weights_NT = fused.probs_NC, fused.weights_NT
    if np.isnan(fused_NC).all():
        raise DrawsError(f"no clip gets a label: no teacher has {rule.min_draws} valid draws for any clip.")
    columns = _label_columns(fused_NC, classes) | {"reason": _reasons(teachers, rule)}
    for t, (name, teacher) in enumerate(teachers.items()):
        columns |= _teacher_columns(name, teacher, weights_NT[:, t], classes)
        columns[f"{name}_heard"] = [how_heard(draws[name])] * once.height
        columns[f"{name}_unmapped"] = _or_none(read_unmapped(draws[name], once["sha256"].to_list()))
    columns["agreement"] = _agreement([columns[f"{name}_label"] for name in teachers])
    rows = pl.DataFrame({"sha256": once["sha256"], **columns}, strict=False)
    schema = pseudo_labels_schema(classes, list(teachers))
    table = clips.select("clip_id", "path", "sha256", "duration_s").join(rows, on="sha256", how="left")
    write_table(out, table.select([pl.col(name).cast(kind) for name, kind in schema.items()]), schema, metadata)
    return {"labelled": int(table["label"].count()), "left_out": int(table["label"].null_count())}


@dataclass(frozen=True)
class ClipsEncoder:
    """Whose encoder a rule sees the clips with.

    Attributes:
        classifier: The teacher whose encoder it is.
        folder: What the clips' paths are relative to.
        features: The folder of stored features, shared by all pipelines.
    """

    classifier: MCDropoutSettings
    folder: Path
    features: Path

    def features_of(self, clips: pl.DataFrame) -> Features:
        """What the encoder makes of each audio content: time means, however the classifier's head pools."""
        from tasks.networks.heard import features_for

        teacher = self.classifier
        config = own_config(teacher).for_means()
        rows = clips.select("sha256", "path", "duration_s").iter_rows()
        files = [AudioFile(sha256, self.folder / path, duration_s) for sha256, path, duration_s in rows]
        return features_for(config, files, self.features, batch_seconds=teacher.batch_seconds, device=teacher.device)


def _fused(
    rule: Rule, teachers: dict[str, Draws], encoder: ClipsEncoder | None, clips: pl.DataFrame, out: Path
) -> Fused:
    """Labels and weights by the rule, less those of the clips that it is to leave out; what it saw beside `out`."""
    draws, seen_ND = list(teachers.values()), None
    if rule.sees:
        assert encoder is not None, f"the rule {rule.kind} sees: encoder is needed"
        once = each_audio_once(clips)
        sha256s = once["sha256"].to_list()
        seen_ND = seen_by(rule, draws, encoder.features_of(once), speakers_of(clips, sha256s))
        assert seen_ND is not None
        write_seen(out.with_name("seen.parquet"), sha256s, seen_ND)
    fused = fused_by(rule.fit(draws, list(teachers), seen_ND), draws, seen_ND)
    return fused.only(_complete(teachers, rule)) if rule.incomplete == "leave_out" else fused


def _complete(teachers: dict[str, Draws], rule: Rule) -> NDArray[np.bool_]:
    """Which clips all teachers that count have enough draws of, shape (N,)."""
    heard = [teacher for name, teacher in teachers.items() if rule.counts(name)]
    enough_TN: NDArray[np.bool_] = np.stack([teacher.enough_N(rule.min_draws) for teacher in heard])
    return np.logical_and.reduce(enough_TN)


def _label_columns(probs_NC: NDArray[np.float64], classes: list[str], prefix: str = "") -> Columns:
    """Label, confidence, margin and probabilities; None where there is no distribution."""
    ordered_NC = np.sort(probs_NC, axis=1)
    has_N = ~np.isnan(probs_NC[:, 0])
    named = [classes[i] if has else None for i, has in zip(probs_NC.argmax(axis=1), has_N, strict=True)]
    columns = {name: _or_none(probs_NC[:, i]) for i, name in enumerate(p_columns(classes, prefix))}
    if prefix:
        return {f"{prefix}_label": named} | columns
    margin_N = ordered_NC[:, -1] - ordered_NC[:, -2]
    return {"label": named, "confidence": _or_none(ordered_NC[:, -1]), "margin": _or_none(margin_N)} | columns


def _teacher_columns(name: str, teacher: Draws, weights_N: NDArray[np.float64], classes: list[str]) -> Columns:
    mean_NC = mean_draw(teacher.probs_NKC, teacher.valid_NK)
    has_two = teacher.probs_NKC.shape[1] > 1
    unknown_N = np.full(len(weights_N), np.nan)
    mi_N = mutual_information(teacher.probs_NKC, teacher.valid_NK) if has_two else unknown_N
    return _label_columns(mean_NC, classes, name) | {
        f"{name}_n_draws": teacher.valid_NK.sum(axis=1),
        f"{name}_mi": _or_none(mi_N),
        f"{name}_entropy": _or_none(np.where(np.isnan(mean_NC[:, 0]), np.nan, entropy(mean_NC))),
        f"{name}_weight": _or_none(weights_N),
    }


def _agreement(labels: list[list[str | None]]) -> list[bool]:
    """Do all teachers that said something name the same class?"""
    return [len({label for label in named if label}) == 1 for named in zip(*labels, strict=True)]


def _reasons(teachers: dict[str, Draws], rule: Rule) -> list[str | None]:
    """Which teachers have too few valid draws for a clip."""
    short = {
        name: [
            None if enough else f"{name}: {int(valid)} of {teacher.valid_NK.shape[1]} draws valid"
            for enough, valid in zip(teacher.enough_N(rule.min_draws), teacher.valid_NK.sum(axis=1), strict=True)
        ]
        for name, teacher in teachers.items()
    }
    return ["; ".join(filter(None, told)) or None for told in zip(*short.values(), strict=True)]


def _or_none(values_N: NDArray[np.float64]) -> pl.Series:
    """NaN → null: Polars keeps the two apart, and people filter for null."""
    return pl.Series(values_N, dtype=pl.Float64).fill_nan(None)
