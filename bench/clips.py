"""Clips that hold noise, each another, with their `clips.parquet`: a bench of asking needs bytes, not speech."""

from __future__ import annotations

import hashlib
import io
import wave
from pathlib import Path

import numpy as np
import polars as pl

from tasks.contracts.tables import clips_schema
from tasks.storage.tables import write_table

_RATE_HZ = 16_000


def make_clips(folder: Path, table: Path, count: int, kilobytes: float) -> None:
    """Writes `count` WAV files (those that are there already stay) and the table that `index_clips` would make."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:05d}.wav" for number in range(count)]
    for number, name in enumerate(names):
        if not (folder / name).exists():
            (folder / name).write_bytes(_noise(number, kilobytes))
    contents = [(folder / name).read_bytes() for name in names]
    columns = {
        "clip_id": [name.removesuffix(".wav") for name in names],
        "path": names,
        "sha256": [hashlib.sha256(content).hexdigest() for content in contents],
        "duration_s": [len(content) / 2 / _RATE_HZ for content in contents],
        "status": ["ok"] * count,
    }
    schema = clips_schema()
    whole = {name: columns.get(name, [None] * count) for name in schema}
    write_table(table, pl.DataFrame(whole, schema), schema)


def _noise(seed: int, kilobytes: float) -> bytes:
    samples = np.random.default_rng(seed).integers(-3000, 3000, int(kilobytes * 500) - 22, dtype=np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE_HZ)
        out.writeframes(samples.tobytes())
    return file.getvalue()
