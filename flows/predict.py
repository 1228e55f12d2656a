"""`mifuse predict`: a student names the emotion in audio files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tasks.contracts.errors import ClipsError
from tasks.contracts.tables import p_columns, predictions_schema
from tasks.encoders.features import AudioFile
from tasks.networks.config import read_config
from tasks.networks.predict import predict_files
from tasks.storage.audio import AUDIO_SUFFIXES, measure_audio
from tasks.storage.clips import ClipsSettings
from tasks.storage.files import replacing, sha256_of_file

_WRITERS = {".parquet", ".csv", ".jsonl"}


def predict_audio(student: Path, audio: Sequence[Path], out: Path | None, cache: Path) -> None:
    """Prints or writes one row per file; files that cannot be read are named and left out.

    Features are taken from and kept in the cache where there is one; a folder without one stays as it is.

    Raises:
        CheckpointError: Not a student's folder.
        ClipsError: No such audio, none that can be read, or an unknown ending of `out`.
    """
    classes = read_config(student).classes
    if out is not None and out.suffix not in _WRITERS:
        raise ClipsError(f'--out {out}: unknown ending "{out.suffix}". Expected {", ".join(sorted(_WRITERS))}.')
    named = {file.resolve(): (clip_id, file) for path in audio for clip_id, file in _files_at(path)}
    clip_ids, files = _readable(list(named.values()))
    with tempfile.TemporaryDirectory() as passing:
        probs_NC, _ = predict_files(student, files, cache / "features" if cache.is_dir() else Path(passing))
    table = pl.DataFrame(
        {
            "clip_id": clip_ids,
            "path": [str(file.path) for file in files],
            "label": pl.Series([classes[i] for i in probs_NC.argmax(axis=1)], dtype=pl.Enum(classes)),
            "confidence": probs_NC.max(axis=1),
        }
        | dict(zip(p_columns(classes), probs_NC.T, strict=True)),
        predictions_schema(classes),
    )
    _show(table) if out is None else _write(table, out)


def _files_at(path: Path) -> list[tuple[str, Path]]:
    """Clip id (as in an index: the path without its ending) and file."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)
        return [(file.relative_to(path).with_suffix("").as_posix(), file) for file in files]
    if not path.is_file():
        raise ClipsError(f"{path}: no such audio file or folder.")
    return [(path.stem, path)]


def _readable(named: list[tuple[str, Path]]) -> tuple[list[str], list[AudioFile]]:
    """Those that an index would not quarantine; the others are named."""
    limits = ClipsSettings(folder=Path())
    clip_ids, files = [], []
    for clip_id, path in named:
        facts = measure_audio(path)
        if problem := limits.problem_of(facts):
            print(f"left out: {path}: {problem}")
            continue
        clip_ids.append(clip_id)
        files.append(AudioFile(sha256_of_file(path), path, facts.duration_s))
    if not files:
        raise ClipsError(f"none of {len(named)} audio files can be used.")
    return clip_ids, files


def _show(table: pl.DataFrame) -> None:
    shown = table.drop("clip_id")
    with pl.Config(tbl_rows=100, tbl_cols=-1, tbl_width_chars=160, float_precision=3, fmt_str_lengths=60):
        print(shown)


def _write(table: pl.DataFrame, out: Path) -> None:
    with replacing(out) as temporary:
        match out.suffix:
            case ".parquet":
                table.write_parquet(temporary)
            case ".csv":
                table.write_csv(temporary)
            case _:
                table.write_ndjson(temporary)
    print(f"{table.height} rows → {out}")
