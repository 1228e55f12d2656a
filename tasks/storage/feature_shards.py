"""One file of stored features: Arrow's IPC format, memory-mapped, so that one row can be read without the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.contracts.errors import CacheError
from tasks.storage.files import replacing

SUFFIX = ".arrow"
_COLUMNS = {"sha256": pa.string(), "n_frames": pa.int32(), "values": pa.large_list(pa.float32())}


class Shard:
    """A mapped file. Its rows are views into the file: whoever keeps one keeps the file mapped."""

    def __init__(self, path: Path) -> None:
        self.path, self.n_bytes = path, path.stat().st_size if path.exists() else 0
        self._batch, self.n_layers, self.dim = _opened(path)

    def index(self) -> list[tuple[str, int]]:
        """The audio's sha256 and the number of frames of each row. No feature is read."""
        sha256s, frames = (self._batch.column(name).to_pylist() for name in ("sha256", "n_frames"))
        return list(zip(sha256s, frames, strict=True))

    def row(self, row: int) -> NDArray[np.float32]:
        """Shape (L, T, D), read-only."""
        values = self._batch.column("values")[row].values.to_numpy(zero_copy_only=True)
        return values.reshape(self.n_layers, -1, self.dim)


def write_shard(path: Path, sha256s: Sequence[str], rows: Sequence[NDArray[np.float32]]) -> None:
    """Rows of shape (L, T, D), each with a T of its own. The same rows give the same bytes."""
    n_layers, _, dim = rows[0].shape
    schema = pa.schema(_COLUMNS, metadata={"n_layers": str(n_layers), "dim": str(dim)})
    ends = np.cumsum([0, *(row.size for row in rows)], dtype=np.int64)
    values = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(np.concatenate([row.ravel() for row in rows])))
    frames = pa.array([row.shape[1] for row in rows], pa.int32())
    batch = pa.record_batch([pa.array(list(sha256s), pa.string()), frames, values], schema=schema)
    with replacing(path) as temporary, pa.ipc.new_file(str(temporary), schema) as writer:
        writer.write_batch(batch)


def check_shards(paths: Sequence[Path], told: Callable[[], object]) -> list[str]:
    """One line per file that cannot be read; `told` is called for each. The features themselves are not read."""
    problems = []
    for path in paths:
        told()
        try:
            Shard(path)
        except CacheError as error:
            problems.append(str(error))
    return problems


def _opened(path: Path) -> tuple[pa.RecordBatch, int, int]:
    """The file's only batch, its number of layers and their size.

    Raises:
        CacheError: Half a file, another file, or none.
    """
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        metadata, batch = reader.schema.metadata or {}, reader.get_batch(0)
        batch.validate(full=True)  # of floats there is nothing to look at: no feature is read
        n_layers, dim = int(metadata[b"n_layers"]), int(metadata[b"dim"])
    except (OSError, ValueError, KeyError) as error:  # ArrowInvalid is a ValueError
        raise _damaged(path, str(error)) from error
    if dict(zip(reader.schema.names, reader.schema.types, strict=True)) != _COLUMNS:
        raise _damaged(path, f"its columns are {', '.join(reader.schema.names)}")
    return batch, n_layers, dim


def _damaged(path: Path, why: str) -> CacheError:
    return CacheError(
        f"{path}: stored features that cannot be read ({why}). "
        "Delete this file and run again: only its clips go through the encoder again."
    )
