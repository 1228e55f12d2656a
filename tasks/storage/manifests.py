"""Which recordings there are: a manifest (CSV, JSONL in EmoBox's form, Parquet) or all audio files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import polars as pl

from tasks.contracts.errors import ClipsError
from tasks.storage.audio import AUDIO_SUFFIXES
from tasks.storage.file_stats import STATS_SCHEMA, stats_below, stats_of

COLUMNS = ["clip_id", "path", "speaker", "language", "transcript", "split", "gold_label"]
# EmoBox's names, and ours for what evaluation alone may read
_OTHER_NAMES = {"key": "clip_id", "wav": "path", "emo": "label", "text": "transcript"}
_SHOWN = 5


def list_clips(folder: Path, manifest: Path | None, labels: Mapping[str, str]) -> pl.DataFrame:
    """One row per recording with the columns `COLUMNS`, size and mtime_ns, in order of `clip_id`.

    Paths are relative to the folder. Each file is looked at once.

    Args:
        folder: Where the audio lies.
        manifest: What to use of it; everything below it when None.
        labels: The manifest's labels → the pipeline's classes. Labels that are not in it stay as they are.

    Raises:
        ClipsError: No folder, no clip, a manifest that cannot be read, names missing files or repeats an id.
    """
    if not folder.is_dir():
        raise ClipsError(f"{folder}: no such folder of audio. Set clips.folder in pipelines.yaml.")
    rows = stats_below(folder, AUDIO_SUFFIXES) if manifest is None else _named(manifest)
    where = str(manifest or folder)
    if not rows.height:
        raise ClipsError(f"{where}: no audio found. Known endings: {', '.join(sorted(AUDIO_SUFFIXES))}.")
    files = rows.select(STATS_SCHEMA.keys()) if manifest is None else stats_of(folder, rows["path"].to_list())
    rows = _completed(rows, labels)
    _check_ids(rows, where)
    _check_files(files.filter(pl.col("size").is_null())["path"], files.height, folder, where)
    return rows.with_columns(files["size"], files["mtime_ns"]).sort("clip_id")


def list_clips_among(
    files: pl.DataFrame, folder: str, manifest: Path | None, labels: Mapping[str, str]
) -> pl.DataFrame:
    """The same of a folder elsewhere, with the columns of `files` in the place of size and mtime_ns.

    Args:
        files: What lies there: a column `path`, and others.
        folder: The URL.
        manifest: Its copy on this machine, or None.
        labels: As above.

    Raises:
        ClipsError: As above, but for the folder.
    """
    rows = _audio_of(files) if manifest is None else _named(manifest)
    where = str(manifest or folder)
    if not rows.height:
        raise ClipsError(f"{where}: no audio found. Known endings: {', '.join(sorted(AUDIO_SUFFIXES))}.")
    rows = _completed(rows, labels)
    _check_ids(rows, where)
    missing = rows.join(files, on="path", how="anti", maintain_order="left")["path"]
    _check_files(missing, rows.height, folder, where)
    return rows.join(files, on="path", how="left", maintain_order="left").sort("clip_id")


def _audio_of(files: pl.DataFrame) -> pl.DataFrame:
    is_audio = [PurePosixPath(path).suffix.lower() in AUDIO_SUFFIXES for path in files["path"]]
    return files.filter(pl.Series(is_audio, dtype=pl.Boolean)).select("path")


def read_rows(path: Path) -> pl.DataFrame:
    """A table of text columns from CSV, JSONL or Parquet.

    Raises:
        ClipsError: No such file, an unknown ending, or content that does not fit the ending.
    """
    if not path.is_file():
        raise ClipsError(f"{path}: no such file.")
    try:
        match path.suffix.lower():
            case ".csv":
                return pl.read_csv(path, infer_schema=False)
            case ".jsonl" | ".ndjson":
                return pl.read_ndjson(path)
            case ".parquet":
                return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ClipsError(f"{path}: cannot be read: {error}") from error
    raise ClipsError(f'{path}: unknown ending "{path.suffix}". Expected .csv, .jsonl or .parquet.')


def _named(manifest: Path) -> pl.DataFrame:
    rows = read_rows(manifest)
    if nested := [name for name, kind in rows.schema.items() if kind.is_nested()]:
        raise ClipsError(f"{manifest}: a value per cell is expected; {', '.join(nested)} holds lists or mappings.")
    renames = {old: new for old, new in _OTHER_NAMES.items() if old in rows.columns and new not in rows.columns}
    rows = rows.rename(renames)
    if "path" not in rows.columns:
        raise ClipsError(f'{manifest}: no column "path" (or "wav", as in EmoBox). Found: {", ".join(rows.columns)}.')
    if empty := rows["path"].null_count():
        raise ClipsError(f"{manifest}: {empty} rows have no path.")
    return rows.with_columns(pl.all().cast(pl.String).str.strip_chars())


def _completed(rows: pl.DataFrame, labels: Mapping[str, str]) -> pl.DataFrame:
    """All of `COLUMNS`, as text; the id defaults to the path without its ending."""
    if "label" in rows.columns:
        rows = rows.with_columns(gold_label=pl.col("label").replace(dict(labels)))
    if "clip_id" not in rows.columns:
        rows = rows.with_columns(clip_id=pl.col("path").str.replace(r"\.[^./]*$", ""))
    missing = [pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in rows.columns]
    return rows.with_columns(missing).select(COLUMNS)


def _check_ids(rows: pl.DataFrame, where: str) -> None:
    twice = rows.filter(pl.col("clip_id").is_duplicated())["clip_id"].unique().sort()
    if len(twice):
        raise ClipsError(
            f"{where}: {len(twice)} clip ids occur more than once: {_some(twice)}. Make clip_id unique; without a "
            "manifest it is the path without its ending."
        )
    if rows["clip_id"].null_count():
        raise ClipsError(f"{where}: {rows['clip_id'].null_count()} rows have no clip_id.")


def _check_files(missing: pl.Series, of: int, folder: Path | str, where: str) -> None:
    has_backslash = missing.str.contains(r"\\").any()
    if len(missing):
        raise ClipsError(
            f"{where}: {len(missing)} of {of} files are not in {folder}: {_some(missing)}. "
            f"Paths are relative to clips.folder{', with / between folders' if has_backslash else ''}."
        )


def _some(names: pl.Series) -> str:
    shown = ", ".join(f'"{name}"' for name in names.head(_SHOWN))
    return f"{shown}, …" if len(names) > _SHOWN else shown
