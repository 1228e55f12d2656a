"""Labelled corpora as the benchmark sees them: files, gold, who speaks, which sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import click
import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.encoders.features import AudioFile
from tasks.storage.files import sha256_of_file
from tasks.teachers.loopback.judge import OTHER_NAMES

CLASSES = ["angry", "happy", "neutral", "sad"]


@dataclass(frozen=True)
class Corpus:
    """N clips of the four classes, each audio content once, in order of sha256.

    Attributes:
        name: Of the folder.
        folder: What the manifest's paths are relative to.
        files: The clips.
        gold_N: Places in CLASSES.
        speakers: A clip without a known speaker is a speaker of its own.
        sentences: What is said; None where the corpus does not tell.
        left_out: How many clips have another label.
        has_speakers: Whether the manifest names any.
    """

    name: str
    folder: Path
    files: list[AudioFile]
    gold_N: NDArray[np.int64]
    speakers: list[str]
    sentences: list[str] | None
    left_out: int
    has_speakers: bool

    @property
    def sha256s(self) -> list[str]:
        """Of the clips."""
        return [file.sha256 for file in self.files]

    def told_speakers(self, rows: NDArray[np.int64]) -> list[str | None]:
        """Who speaks, for methods that want to know."""
        return [self.speakers[row] if self.has_speakers else None for row in rows]


@lru_cache(maxsize=8)
def read_corpus(folder: Path) -> Corpus:
    """The clips of `manifest.csv` whose label is one of the four classes, under whatever usual name."""
    rows = pl.read_csv(folder / "manifest.csv", infer_schema=False)
    names = {name: name for name in CLASSES} | {name: as_ for name, as_ in OTHER_NAMES.items() if as_ in CLASSES}
    mapped = rows.with_columns(pl.col("label").str.to_lowercase().replace_strict(names, default=None)).drop_nulls(
        "label"
    )
    if mapped["label"].n_unique() < len(CLASSES):
        raise click.UsageError(f"{folder}: no clips of {set(CLASSES) - set(mapped['label'])} in its manifest.csv")
    durations = mapped["duration_s"].cast(pl.Float64) if "duration_s" in mapped.columns else [1.0] * len(mapped)
    files = [
        AudioFile(sha256_of_file(folder / path), folder / path, duration_s)
        for path, duration_s in zip(mapped["path"], durations, strict=True)
    ]
    first = {file.sha256: n for n, file in reversed(list(enumerate(files)))}
    kept = [first[sha256] for sha256 in sorted(first)]  # as the product orders clips: a manifest may be sorted by label
    clip_ids = [Path(path).stem for path in mapped["path"]]
    named = "speaker" in mapped.columns
    speakers = mapped["speaker"].fill_null("").to_list() if named else [""] * len(mapped)
    sentences = [sentence_of(clip_ids[n]) for n in kept]
    return Corpus(
        name=folder.name,
        folder=folder,
        files=[files[n] for n in kept],
        gold_N=np.array([CLASSES.index(mapped["label"][n]) for n in kept]),
        speakers=[speakers[n] or clip_ids[n] for n in kept],
        sentences=None if None in sentences else [str(sentence) for sentence in sentences],
        left_out=len(rows) - len(mapped),
        has_speakers=named,
    )


def sentence_of(clip_id: str) -> str | None:
    """Which of its corpus's sentences a clip is, where its name tells.

    Emo-DB (Burkhardt et al. 2005): speaker, sentence, emotion, version. RAVDESS (Livingstone & Russo 2018): seven
    numbers, the fifth is the statement.

    >>> [sentence_of(name) for name in ("emodb_03a01Wa", "ravdess_03-01-05-01-02-01-08", "nemo_EB0-anger-14")]
    ['a01', '02', None]
    """
    if found := re.fullmatch(r"(?:.*_)?\d\d([ab]\d\d)[A-Z][a-z]", clip_id):
        return found[1]
    if found := re.fullmatch(r"(?:.*_)?(?:\d\d-){4}(\d\d)-\d\d-\d\d", clip_id):
        return found[1]
    return None


def corpora_in(data: Path) -> list[Path]:
    """The folders with a manifest, in order of their names."""
    found = sorted(folder for folder in data.absolute().glob("*") if (folder / "manifest.csv").is_file())
    if len(found) < 2:
        raise click.UsageError(
            f"expected two corpora or more in {data} (folders with audio and manifest.csv), "
            f"got {', '.join(folder.name for folder in found) or 'none'}"
        )
    return found
